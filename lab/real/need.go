package real

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Needs names everything that a run would lack on this machine, and how to get
// it.
func Needs() error {
	var errs []error
	if os.Getuid() != 0 {
		errs = append(errs, errors.New("root is needed, for network namespaces (sudo thongsuot-lab real …)"))
	}
	for _, c := range []struct{ command, pkg string }{
		{"ip", "iproute2"}, {"tc", "iproute2"}, {"nft", "nftables"},
		{nutPrograms + "/upsd", "nut-server"}, {nutPrograms + "/dummy-ups", "nut-server"}, {"mount", "mount"},
	} {
		if _, err := exec.LookPath(c.command); err != nil {
			errs = append(errs, fmt.Errorf("%s is missing (apt-get install %s)", c.command, c.pkg))
		}
	}
	return errors.Join(errs...)
}
