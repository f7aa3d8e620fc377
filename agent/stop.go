package agent

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"thongsuot/wire"
)

// askInit bounds the question to the init system: the last beat must not wait.
const askInit = 500 * time.Millisecond

// leaving says why the agent is told to end: because the machine goes down, as
// systemd has it, or for its own sake. Without systemd nobody can say, and the
// agent alone is what is known to end.
func leaving() uint8 {
	ctx, cancel := context.WithTimeout(context.Background(), askInit)
	defer cancel()
	out, _ := exec.CommandContext(ctx, "systemctl", "is-system-running").Output() // its exit status is not 0 while stopping
	if strings.TrimSpace(string(out)) == "stopping" {
		return wire.FlagShuttingDown
	}
	return wire.FlagStopping
}
