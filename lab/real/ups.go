package real

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// nutPrograms are where Debian keeps the programs themselves; /sbin/upsd is a
// wrapper that refuses until nut.conf is edited.
const nutPrograms = "/lib/nut"

const nutAddr = "127.0.0.1:3493"

// upsUnit is a site's UPS: Debian's upsd and its simulated device. A site
// without one has a nil upsUnit.
type upsUnit struct {
	at           space
	dir          string
	journal      func() *journal
	upsd, driver *program // nil while the site has no power
}

func newUPS(at space, dir string, journal func() *journal) (*upsUnit, error) {
	files := map[string]string{
		"ups.conf":   "pollinterval = 1\n[ups]\ndriver = dummy-ups\nport = ups.dev\n",
		"upsd.conf":  "LISTEN 127.0.0.1 3493\nMAXAGE 2\n",
		"upsd.users": "[lab]\npassword = lab\nactions = SET\n",
	}
	var errs []error
	for name, text := range files {
		errs = append(errs, put(filepath.Join(dir, name), text))
	}
	return &upsUnit{at: at, dir: dir, journal: journal}, errors.Join(errs...)
}

// on starts upsd with a device that sees mains.
func (u *upsUnit) on(ctx context.Context, l *launcher) error {
	if u == nil {
		return nil
	}
	device := "ups.status: OL\nbattery.charge: 100\nbattery.runtime: 1200\ninput.voltage: 221.4\nups.load: 23\n"
	if err := put(filepath.Join(u.dir, "ups.dev"), device); err != nil {
		return err
	}
	socket := filepath.Join(u.dir, "dummy-ups-ups")
	_ = os.Remove(socket) // of the driver before a power cut, if any
	start := func(name string, args ...string) (*program, error) {
		return l.start(u.at, name, u.journal(), []string{"NUT_CONFPATH=" + u.dir, "NUT_STATEPATH=" + u.dir, "NUT_QUIET_INIT_BANNER=true"},
			"mount -t tmpfs tmpfs /run/nut &&", append([]string{nutPrograms + "/" + name, "-u", "root", "-D"}, args...)...)
	}
	var err error
	if u.driver, err = start("dummy-ups", "-a", "ups"); err != nil {
		return err
	}
	if err := until(ctx, 10*time.Second, "the UPS driver's socket", func() error { _, err := os.Stat(socket); return err }); err != nil {
		return fmt.Errorf("%w: its log ends:\n%s", err, u.driver.log)
	}
	if u.upsd, err = start("upsd"); err != nil {
		return err
	}
	err = until(ctx, 10*time.Second, "an answer of upsd", func() error { _, err := u.ask(ctx, "GET VAR ups ups.status"); return err })
	if err != nil {
		return fmt.Errorf("%w: its log ends:\n%s", err, u.upsd.log)
	}
	return nil
}

// running reports whether there is a UPS with power to serve.
func (u *upsUnit) running() bool { return u != nil && u.upsd != nil }

// off ends it as a power cut does.
func (u *upsUnit) off() {
	if !u.running() {
		return
	}
	u.upsd.kill()
	u.driver.kill()
	u.upsd, u.driver = nil, nil
}

// set makes the device say something else.
func (u *upsUnit) set(ctx context.Context, status string, charge, runtime int) error {
	volts := "221.4"
	if strings.HasPrefix(status, "OB") {
		volts = "0.0"
	}
	// The status last: what it means stands by then.
	_, err := u.ask(ctx, "USERNAME lab", "PASSWORD lab",
		fmt.Sprintf("SET VAR ups battery.charge %q", fmt.Sprint(charge)), fmt.Sprintf("SET VAR ups battery.runtime %q", fmt.Sprint(runtime)),
		fmt.Sprintf("SET VAR ups input.voltage %q", volts), fmt.Sprintf("SET VAR ups ups.status %q", status))
	return err
}

// ask talks to upsd as an operator's program does, and gives its last answer.
func (u *upsUnit) ask(ctx context.Context, lines ...string) (reply string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := u.at.dial(ctx, "tcp", nutAddr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	replies := bufio.NewReader(conn)
	for _, line := range lines {
		if _, err := fmt.Fprintln(conn, line); err != nil {
			return "", fmt.Errorf("upsd: %w", err)
		}
		if reply, err = replies.ReadString('\n'); err != nil {
			return "", fmt.Errorf("upsd: %w", err)
		}
		if reply = strings.TrimSpace(reply); strings.HasPrefix(reply, "ERR") {
			return "", fmt.Errorf("upsd answers %q with %q", strings.TrimSpace(line), reply)
		}
	}
	return reply, nil
}

// until tries again until try succeeds or the limit is over.
func until(ctx context.Context, limit time.Duration, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s did not come: %w (last: %w)", what, ctx.Err(), err)
		}
	}
}

func put(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}
