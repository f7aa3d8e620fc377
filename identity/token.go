// Package identity makes and checks the secrets by which an agent is known to
// the centre. A site's token opens that site's series and no other. The centre
// keeps only the token's hash and a key derived from it for beats, so that who
// reads the ledger can forge beats of a site but never write its data.
package identity

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
)

// tokenPrefix lets a person, and a scanner of leaked secrets, see what the text is.
const tokenPrefix = "tsk_"

// minToken is the shortest token accepted from a file, in bytes: 128 bits of
// base64 text. Longer ones made elsewhere are fine.
const minToken = 22

// NewToken makes a token of 256 random bits in printable form.
func NewToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash is what the centre keeps of a token. The token is random, so a plain
// hash is enough: there is nothing to guess.
func Hash(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// BeatKey is the key that authenticates the beats of the token's site.
func BeatKey(token string) (key [32]byte, err error) {
	b, err := hkdf.Key(sha256.New, []byte(token), nil, "thongsuot beat 1", len(key))
	if err != nil {
		return key, fmt.Errorf("derive beat key: %w", err)
	}
	copy(key[:], b)
	return key, nil
}

// BeatID is the short public name of a token in a beat.
func BeatID(hash [32]byte) (id [8]byte) {
	copy(id[:], hash[:8])
	return id
}

// ReadTokenFile reads the token in a file, without the line's end. The error
// says what to do and never holds the token.
func ReadTokenFile(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read token: %w (make one at the centre with: thongsuot-central token SITE)", err)
	}
	b = bytes.TrimSpace(b)
	if len(b) < minToken {
		return "", fmt.Errorf("token file %s: holds %d characters, at least %d are needed", path, len(b), minToken)
	}
	if bytes.ContainsAny(b, " \t\r\n") {
		return "", fmt.Errorf("token file %s: holds more than one word, exactly one token is needed", path)
	}
	return string(b), nil
}
