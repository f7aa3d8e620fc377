// Package conserve counts whether anything measured is lost or doubled on its
// way from a probe into the centre's store, while one thing after another is
// broken. It runs the real programs, each with a disk of its own, and a relay
// as the line between them.
//
// The count rests on a witness that neither program knows of: a server that the
// agent probes, which gives every answer a length that no other answer to the
// same probe had. The length is stored as the result's body_bytes, so each
// answer given can be looked for in the store by name. An answer that was given
// and is not there is lost, unless the agent was killed within handTime after
// it was given: then it was in the agent's hands and on no disk yet. The answers
// alternate between good and not found, and a change is put on disk at once.
package conserve
