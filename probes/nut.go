package probes

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
)

// nutError is the word of a reply "ERR word", such as DATA-STALE.
type nutError string

func (e nutError) Error() string { return "upsd answers ERR " + string(e) }

// Bounds of a reply. A UPS with everything has some 100 variables.
const (
	nutLine  = 1024 // bytes in a line
	nutLines = 1000 // lines in a list
)

// nutConn is one connection to upsd, the server of Network UPS Tools, in its
// line protocol 1.3. Reading needs no login.
type nutConn struct {
	conn net.Conn
	r    *bufio.Reader
}

func dialNUT(ctx context.Context, l Line, addr string) (*nutConn, error) {
	conn, err := l.Dialer(0).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &nutConn{conn: conn, r: bufio.NewReaderSize(conn, nutLine)}, nil
}

// list asks for all variables of ups. After an error that is not a nutError
// the connection is out of step and must be closed.
func (c *nutConn) list(ctx context.Context, ups string) (map[string]string, error) {
	if err := c.say(ctx, "LIST VAR "+ups); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	return readVars(c.r, ups)
}

func (c *nutConn) say(ctx context.Context, line string) error {
	if deadline, ok := ctx.Deadline(); ok {
		c.conn.SetDeadline(deadline)
	}
	_, err := io.WriteString(c.conn, line+"\n")
	return err
}

// UPSDevices lists the supplies that the upsd at server (host:port) knows, by
// name as in ups.conf, sorted. Only what l may ask is asked.
func UPSDevices(ctx context.Context, l Line, server string) ([]string, error) {
	c, err := dialNUT(ctx, l, server)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	if err := c.say(ctx, "LIST UPS"); err != nil {
		return nil, err
	}
	found, err := readList(c.r, "UPS", "UPS ")
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// readVars reads one reply to LIST VAR ups.
func readVars(r *bufio.Reader, ups string) (map[string]string, error) {
	return readList(r, "VAR "+ups, "VAR "+ups+" ")
}

// readList reads one reply to LIST what, each item after its prefix:
//
//	BEGIN LIST VAR ups
//	VAR ups name "value"
//	END LIST VAR ups
//
// or "ERR word". A value holds '"' and '\' behind a '\'. Of a name given twice
// the last value counts.
func readList(r *bufio.Reader, what, prefix string) (map[string]string, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	if word, ok := strings.CutPrefix(line, "ERR "); ok {
		return nil, nutError(word)
	}
	if line != "BEGIN LIST "+what {
		return nil, fmt.Errorf("%w: %q where a list begins", errBadReply, line)
	}
	items := map[string]string{}
	for range nutLines {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		if line == "END LIST "+what {
			return items, nil
		}
		rest, ok := strings.CutPrefix(line, prefix)
		name, quoted, found := strings.Cut(rest, " ")
		value, closed := unquote(quoted)
		if !ok || !found || !closed {
			return nil, fmt.Errorf("%w: %q in a list", errBadReply, line)
		}
		items[name] = value
	}
	return nil, fmt.Errorf("%w: more than %d items", errBadReply, nutLines)
}

// readLine is one line without its end; one longer than the reader's buffer is
// a bad reply.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("%w: a line over %d bytes", errBadReply, r.Size())
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// unquote reads a value from its first '"' to the last; ok is false unless
// that is all there is.
func unquote(s string) (value string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}
