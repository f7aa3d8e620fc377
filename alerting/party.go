package alerting

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
	"thongsuot/registry"
)

// Places is the registry as alerting reads it.
type Places interface {
	Site(code string) (thongsuot.Site, bool)
	People(site string) []thongsuot.Person
	OfficeHours(site string, day thongsuot.Day) []registry.Session
	// Windows are the announced windows of a site that touch from..to, by start.
	Windows(site string, from, to time.Time) []thongsuot.Window
}

// chairs is the key of the channels that reach offices of the registry.
const chairs = "chair"

// party is somebody who may be told: a receiver of the configuration, or an
// office that the registry names for a site.
type party struct {
	name    string // key in the ledger; of an office without its name and number
	role    thongsuot.Role
	rules   Receiver // of a receiver of the configuration
	budget  int      // messages a day; 0 for no bound
	outlets []outlet // in the order in which they are tried
}

// outlet is a channel with the address of the party there, "" where the channel
// has one receiver only.
type outlet struct {
	notifier Notifier
	to       string
}

// outlet is the party's way over a channel.
func (p party) outlet(channel string) (outlet, bool) {
	for _, o := range p.outlets {
		if o.notifier.Name() == channel {
			return o, true
		}
	}
	return outlet{}, false
}

// parties are all who may be told of an incident. Offices are those of its
// site: a chair hears of the own commune alone.
func (d *Dispatcher) parties(i thongsuot.Incident) []party {
	var out []party
	for _, r := range d.cfg.Receivers {
		out = append(out, d.team(r))
	}
	if i.Site != "" {
		out = append(out, d.offices(i.Site)...)
	}
	return out
}

func (d *Dispatcher) team(r Receiver) party {
	p := party{name: r.Name, role: thongsuot.RoleOperations, rules: r, budget: r.Budget}
	for _, n := range d.notifiers[r.Name] {
		p.outlets = append(p.outlets, outlet{notifier: n})
	}
	return p
}

// offices are the chairs' offices of a site that a channel reaches.
func (d *Dispatcher) offices(site string) []party {
	if len(d.notifiers[chairs]) == 0 {
		return nil
	}
	var out []party
	for n, person := range d.places().People(site) {
		if person.Role != thongsuot.RoleChair {
			continue
		}
		p := party{name: chairs + "/" + site + "/" + strconv.Itoa(n+1), role: person.Role, budget: d.cfg.Chairs.Budget}
		for _, notifier := range d.notifiers[chairs] {
			if to := address(notifier, person); to != "" {
				p.outlets = append(p.outlets, outlet{notifier, to})
			}
		}
		if len(p.outlets) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// address is where a channel reaches an office.
func address(n Notifier, p thongsuot.Person) string {
	if n.Name() == "email" {
		return p.Email
	}
	return p.Phone
}

// party finds who a delivery is for; ok is false for one who has left the
// configuration or the registry.
func (d *Dispatcher) party(name string) (party, bool) {
	for _, r := range d.cfg.Receivers {
		if r.Name == name {
			return d.team(r), true
		}
	}
	if parts := strings.Split(name, "/"); len(parts) == 3 && parts[0] == chairs {
		for _, p := range d.offices(parts[1]) {
			if p.name == name {
				return p, true
			}
		}
	}
	return party{}, false
}

// send hands a message to the channel. A panic on the way is the failure of
// this message alone.
func (o outlet) send(ctx context.Context, m notice.Message) (ref string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &notice.Error{Class: notice.Permanent, Err: fmt.Errorf("panic: %v", p)}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	m.To = o.to
	return o.notifier.Send(ctx, m)
}
