// Package slacktest is a local server that speaks the part of Slack's web API
// that a bot needs to post, edit and find its messages.
//
// It answers as Slack does: failures come with status 200 and "ok": false,
// timestamps name messages and rise, metadata is shown only to who asks for
// it. What was posted can be inspected, and failures can be scripted. It is
// safe for concurrent use.
package slacktest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is the local Slack. One token and the channels that were added to it
// are all it knows.
type Server struct {
	http  *httptest.Server
	token string

	mu       sync.Mutex // guards what follows
	channels map[string]*channel
	last     int64 // microseconds of the last timestamp given out
	scripts  map[string][]Reply
	calls    []Call
}

// channel is a conversation of which the bot is or is not a member.
type channel struct {
	member   bool
	messages []Message // oldest first
}

// Call is one request that the server understood, in the order of arrival.
type Call struct {
	Method string     // "chat.postMessage"
	Args   url.Values // without the token
}

// Reply is a scripted answer to one call. The zero Reply lets the call through.
type Reply struct {
	Status     int           // HTTP status, unless 0
	RetryAfter time.Duration // header of a 429
	Code       string        // "ok": false with this error
	Drop       bool          // do what was asked, then hang up without an answer
}

// Start serves on a free port of the loopback until Close. The bot's token is
// token; there is no channel yet.
func Start(token string) (*Server, error) {
	s := &Server{
		token:    token,
		channels: make(map[string]*channel),
		scripts:  make(map[string][]Reply),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the local slack: %w", err)
	}
	s.http = &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(s.serve)}}
	s.http.Start()
	return s, nil
}

// New is Start for a test: it has one channel of which the bot is a member,
// and is closed when the test ends.
func New(t testing.TB, token, channelID string) *Server {
	t.Helper()
	s, err := Start(token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddChannel(channelID, true)
	return s
}

// Close ends the server.
func (s *Server) Close() { s.http.Close() }

// URL is the base address of the API, to be given to a client.
func (s *Server) URL() string { return s.http.URL + "/api/" }

// AddChannel makes a channel known, with the bot as a member or not.
func (s *Server) AddChannel(id string, member bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[id] = &channel{member: member}
}

// Script queues answers to the next calls of method, one a call.
func (s *Server) Script(method string, replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[method] = append(s.scripts[method], replies...)
}

// Messages is what stands in the channel, oldest first, thread replies among
// them.
func (s *Server) Messages(channelID string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	if c == nil {
		return nil
	}
	return append([]Message(nil), c.messages...)
}

// Delete removes a message, as a person may.
func (s *Server) Delete(channelID, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	for i, m := range c.messages {
		if m.TS == ts {
			c.messages = append(c.messages[:i], c.messages[i+1:]...)
			return
		}
	}
}

// Calls is every call so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	method, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	args, token, err := arguments(r)
	if err != nil {
		answer(w, refusal("invalid_form_data"))
		return
	}
	script := s.enter(method, args)
	switch {
	case script.Status != 0:
		if script.RetryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(script.RetryAfter.Seconds())))
		}
		http.Error(w, http.StatusText(script.Status), script.Status)
	case script.Code != "":
		answer(w, refusal(script.Code))
	case token == "":
		answer(w, refusal("not_authed"))
	case token != s.token:
		answer(w, refusal("invalid_auth"))
	default:
		reply := s.do(method, args)
		if script.Drop {
			panic(http.ErrAbortHandler) // net/http's way to hang up
		}
		answer(w, reply)
	}
}

// enter notes the call and takes the next scripted answer to it.
func (s *Server) enter(method string, args url.Values) Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{Method: method, Args: args})
	queue := s.scripts[method]
	if len(queue) == 0 {
		return Reply{}
	}
	s.scripts[method] = queue[1:]
	return queue[0]
}

func (s *Server) do(method string, args url.Values) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch method {
	case "auth.test":
		return map[string]any{"ok": true, "team": "tinh", "user": "thongsuot", "user_id": botUser, "bot_id": botID}
	case "chat.postMessage":
		return s.post(args)
	case "chat.update":
		return s.update(args)
	case "conversations.history":
		return s.history(args)
	case "conversations.replies":
		return s.replies(args)
	default:
		return refusal("unknown_method")
	}
}

// arguments reads the call's arguments and its token: a form, a query or a
// JSON object; the token in the header or, but not in JSON, among them.
func arguments(r *http.Request) (args url.Values, token string, err error) {
	token, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		args, err = jsonArguments(r)
		return args, token, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, "", err
	}
	args = r.Form
	if token == "" {
		token = args.Get("token")
	}
	args.Del("token")
	return args, token, nil
}

// jsonArguments is a JSON body as form values: structures stay JSON.
func jsonArguments(r *http.Request) (url.Values, error) {
	var body map[string]json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	args := make(url.Values, len(body))
	for name, raw := range body {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			text = string(raw)
		}
		args.Set(name, text)
	}
	args.Del("token")
	return args, nil
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(body) // the client may have gone away: nobody to tell
}

func refusal(code string) map[string]any {
	return map[string]any{"ok": false, "error": code}
}
