package conserve

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// LoseSpool takes an agent's spool away while the line is cut, which no agent
// can mend.
func LoseSpool(ctx context.Context, cfg Config) Row {
	return one(ctx, cfg, fault{"lose-spool", "", func(ctx context.Context, h *house) (int, error) {
		lose := func() error {
			h.agent.kill() // not noted as a kill: nothing is excused as in hand
			if err := os.RemoveAll(filepath.Join(h.agentDisk.mount, "data", "spool")); err != nil {
				return err
			}
			return h.startAgent()
		}
		return 1, act(ctx, 2*time.Second, h.cutLine, lose, h.mendLine)
	}})
}
