package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/ledger"
)

// TestMain is also the programs that the tests start as processes of their own.
func TestMain(m *testing.M) {
	do, ok := map[string]func(path, arg string) error{
		"live": live, "write": write, "command": command,
	}[os.Getenv("LEDGER_TEST_CHILD")]
	if !ok {
		os.Exit(m.Run())
	}
	if err := do(os.Getenv("LEDGER_TEST_PATH"), os.Getenv("LEDGER_TEST_ARG")); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// process starts a child; what it prints is read from lines.
func process(t *testing.T, do, path, arg string) (cmd *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd = exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "LEDGER_TEST_CHILD="+do, "LEDGER_TEST_PATH="+path, "LEDGER_TEST_ARG="+arg)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

// ends reads what a child has left to say, which is nothing unless it fails.
func ends(t *testing.T, cmd *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	for lines.Scan() {
		t.Errorf("a child says %q", lines.Text())
	}
	must(t, cmd.Wait())
}

const contested = 40

// write does what a centre does, while another process does it too.
func write(path, arg string) error {
	l, err := ledger.Open(path)
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("ready")
	return writeAll(context.Background(), l, arg)
}

// writeAll records changes of its own and tries to claim deliveries that both
// processes know. It leaves the number of claims won as a fact.
func writeAll(ctx context.Context, l *ledger.Ledger, who string) error {
	won := 0
	for n := range contested {
		if err := l.Record(ctx, []thongsuot.Change{change(who+strconv.Itoa(n), 1, n)}); err != nil {
			return err
		}
		if err := l.MarkSeq(ctx, "24673", who, uint64(n), uint64(n)); err != nil {
			return err
		}
		ok, err := l.Claim(ctx, delivery(change("i", 1, 0), strconv.Itoa(n)))
		if err != nil {
			return err
		}
		if ok {
			won++
		}
	}
	return l.SetFact(ctx, who, []byte(strconv.Itoa(won)))
}

func TestSecondProcessWritesToo(t *testing.T) {
	l, path := fresh(t)
	c := change("i", 1, 0)
	var ds []thongsuot.Delivery
	for n := range contested {
		ds = append(ds, delivery(c, strconv.Itoa(n)))
	}
	planned(t, l, c, ds...)

	cmd, lines := process(t, "write", path, "child")
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the child says %q", lines.Text())
	}
	must(t, writeAll(t.Context(), l, "parent"))
	ends(t, cmd, lines)

	total := 0
	for _, who := range []string{"parent", "child"} {
		if !seen(t, l, "24673", who, 0, contested-1) {
			t.Errorf("marks of the %s are missing", who)
		}
		v, _, err := l.Fact(t.Context(), who)
		must(t, err)
		n, err := strconv.Atoi(string(v))
		must(t, err)
		total += n
	}
	if total != contested {
		t.Errorf("%d claims won for %d deliveries", total, contested)
	}
	got, err := l.OpenIncidents(t.Context())
	must(t, err)
	if len(got) != 2*contested+1 {
		t.Errorf("%d incidents on record, want %d", len(got), 2*contested+1)
	}
}

// command opens the ledger, writes and ends, as a one-shot command does.
func command(path, arg string) error {
	for n := range 5 {
		l, err := ledger.Open(path)
		if err != nil {
			return err
		}
		if err := l.Audit(context.Background(), ledger.AuditEntry{At: begin, Who: arg, What: strconv.Itoa(n)}); err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Several programs may find no ledger at once; one makes it, all use it.
func TestManyProcessesMakeTheLedger(t *testing.T) {
	for round := range 3 {
		path := filepath.Join(t.TempDir(), "ledger.db")
		const processes = 6
		var ended []func()
		for n := range processes {
			cmd, lines := process(t, "command", path, strconv.Itoa(n))
			ended = append(ended, func() { ends(t, cmd, lines) })
		}
		for _, wait := range ended {
			wait()
		}
		got, err := open(t, path).AuditTrail(t.Context(), 1000)
		must(t, err)
		if len(got) != processes*5 {
			t.Errorf("round %d: %d entries, want %d", round, len(got), processes*5)
		}
	}
}

// live goes on until it is killed, and prints what the ledger took after each
// step. Numbers begin at arg.
func live(path, arg string) error {
	from, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	l, err := ledger.Open(path)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for n := from; ; n++ {
		c := change(strconv.Itoa(n), 1, n)
		d := delivery(c, "ops")
		sent := d
		sent.State, sent.Ref = thongsuot.DeliverySent, strconv.Itoa(n)
		for _, step := range []struct {
			name string
			do   func() error
		}{
			{"record", func() error { return l.Record(ctx, []thongsuot.Change{c}) }},
			{"mark", func() error { return l.MarkSeq(ctx, "24673", "boot", uint64(n), uint64(n)) }},
			{"route", func() error { return l.Route(ctx, c, []thongsuot.Delivery{d}) }},
			{"claim", func() error {
				if ok, err := l.Claim(ctx, d); err != nil || !ok {
					return fmt.Errorf("claimed %v, %w", ok, err)
				}
				return nil
			}},
			{"finish", func() error { return l.Finish(ctx, sent) }},
		} {
			if err := step.do(); err != nil {
				return err
			}
			fmt.Println(step.name, n)
		}
	}
}

// TestKilled kills a process again and again. Everything that it was told is
// on record is there.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	taken := map[string]bool{}
	for life := range 12 {
		cmd, lines := process(t, "live", path, strconv.Itoa(life*1_000_000))
		for range 1 + 7*life { // each life ends at another step
			if !lines.Scan() {
				t.Fatalf("the child ended: %v", cmd.Wait())
			}
			taken[lines.Text()] = true
		}
		must(t, cmd.Process.Kill())
		for lines.Scan() { // what it was told before it died
			taken[lines.Text()] = true
		}
		_ = cmd.Wait() // killed
		expect(t, path, taken)
	}
	t.Logf("%d writes were taken", len(taken))
}

// expect looks for the outcome of every step that was taken.
func expect(t *testing.T, path string, taken map[string]bool) {
	t.Helper()
	l, err := ledger.Open(path)
	must(t, err)
	defer l.Close()
	unrouted, err := l.Unrouted(t.Context(), -1)
	must(t, err)
	waiting := map[string]bool{}
	for _, c := range unrouted {
		waiting[c.Incident.ID] = true
	}
	for step := range taken {
		name, id, ok := strings.Cut(step, " ")
		n, err := strconv.ParseUint(id, 10, 63)
		if !ok || err != nil {
			t.Fatalf("a child says %q", step)
		}
		changes, err := l.Changes(t.Context(), id)
		must(t, err)
		deliveries, err := l.Deliveries(t.Context(), id)
		must(t, err)
		state := thongsuot.DeliveryState("")
		if len(deliveries) == 1 {
			state = deliveries[0].State
		}
		switch name {
		case "record":
			ok = len(changes) == 1
		case "mark":
			ok = seen(t, l, "24673", "boot", n, n)
		case "route":
			ok = state != "" && !waiting[id]
		case "claim":
			ok = state == thongsuot.DeliveryClaimed || state == thongsuot.DeliverySent
		case "finish":
			ok = state == thongsuot.DeliverySent && deliveries[0].Ref == id
		default:
			t.Fatalf("a child says %q", step)
		}
		if !ok {
			t.Errorf("%s was taken and is lost", step)
		}
	}
	var check string
	must(t, raw(t, path).QueryRow("PRAGMA integrity_check").Scan(&check))
	if check != "ok" {
		t.Errorf("integrity: %s", check)
	}
}
