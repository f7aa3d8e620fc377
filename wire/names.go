package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// Paths that sensors ask beside the API. The first needs a site's token; the
// second is asked in clear, since nobody on the way can answer for https.
const (
	PathNames = "/api/v1/names" // GET: Names
	PathEmpty = "/204"          // GET: status 204 and nothing else
)

// maxNames bounds what an agent reads as a reply, in bytes.
const maxNames = 16 << 10

// Names are the addresses that the centre is given for names, so that a site
// can tell when its own resolver is led elsewhere.
type Names struct {
	Names map[string][]netip.Addr `json:"names"`

	// PageEvery is the fastest, in seconds, that a site may ask a portal or service
	// of others, so that the province stays within its budget; 0 says nothing.
	PageEvery int `json:"page_every,omitempty"`
}

// ReadNames reads what the centre answered.
func ReadNames(r io.Reader) (Names, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxNames+1))
	if err != nil {
		return Names{}, fmt.Errorf("names of the centre: %w", err)
	}
	if len(raw) > maxNames {
		return Names{}, fmt.Errorf("names of the centre: more than %d bytes", maxNames)
	}
	var n Names
	if err := json.Unmarshal(raw, &n); err != nil {
		return Names{}, fmt.Errorf("names of the centre: %w", err)
	}
	if n.PageEvery < 0 || n.PageEvery > 24*60*60 {
		return Names{}, fmt.Errorf("names of the centre: page_every must be 0 to a day (got %d)", n.PageEvery)
	}
	for name, addrs := range n.Names {
		for _, a := range addrs {
			if !a.IsValid() {
				return Names{}, fmt.Errorf("names of the centre: %w", errors.New(cut(name, 80)+" has an empty address"))
			}
		}
	}
	return n, nil
}
