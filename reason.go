package thongsuot

import "slices"

// Reason is the class of a probe's answer: why it was not the wanted one. Each
// value is a stable word that is stored, shown and translated.
type Reason string

// The reasons. The order below is the stored code: append, never reorder.
const (
	ReasonOK                 Reason = "ok"
	ReasonTimeout            Reason = "timeout"             // no answer in time
	ReasonNoRoute            Reason = "no_route"            // this machine has no way there
	ReasonProhibited         Reason = "prohibited"          // refused by policy on the way or here
	ReasonUnreachable        Reason = "unreachable"         // a router said host or net unreachable
	ReasonNoPermission       Reason = "no_permission"       // the agent may not send this
	ReasonRefused            Reason = "refused"             // connection refused
	ReasonDNSTimeout         Reason = "dns_timeout"         // resolver silent
	ReasonDNSNXDomain        Reason = "dns_nxdomain"        // name does not exist
	ReasonDNSServFail        Reason = "dns_servfail"        // resolver failed
	ReasonDNSRefused         Reason = "dns_refused"         // resolver refused to answer
	ReasonDNSNoAnswer        Reason = "dns_no_answer"       // answered without an address
	ReasonDNSError           Reason = "dns_error"           // other failure of name resolution
	ReasonConnectTimeout     Reason = "connect_timeout"     // no TCP answer in time
	ReasonConnectRefused     Reason = "connect_refused"     // TCP refused
	ReasonConnectUnreachable Reason = "connect_unreachable" // no way to the address
	ReasonConnectReset       Reason = "connect_reset"       // cut while talking
	ReasonTLSExpired         Reason = "tls_expired"         // certificate outside its dates
	ReasonTLSName            Reason = "tls_name"            // certificate of another name
	ReasonTLSUntrusted       Reason = "tls_untrusted"       // unknown issuer
	ReasonTLSError           Reason = "tls_error"           // other failure of the handshake
	ReasonHTTPTimeout        Reason = "http_timeout"        // connected, no complete answer in time
	ReasonHTTPRedirect       Reason = "http_redirect"       // redirected too often or to where probing is not allowed
	ReasonHTTP4xx            Reason = "http_4xx"
	ReasonHTTP5xx            Reason = "http_5xx"
	ReasonHTTPStatus         Reason = "http_status"   // other unexpected status
	ReasonHTTPError          Reason = "http_error"    // not HTTP, or broken off
	ReasonBodyMismatch       Reason = "body_mismatch" // the page lacks the expected words
	ReasonNoData             Reason = "no_data"       // the source has nothing fresh to say: stale, starting, driver away
	ReasonNotPresent         Reason = "not_present"   // no such device here
	ReasonBadReply           Reason = "bad_reply"     // the reply broke its protocol
	ReasonPanic              Reason = "probe_panic"   // the probe itself failed
	ReasonHang               Reason = "probe_hang"    // the probe did not come back in time
	ReasonSkipped            Reason = "skipped"       // politeness: not asked this time
	ReasonError              Reason = "error"         // anything else; see the detail
	ReasonDNSDiffers         Reason = "dns_differs"   // addresses other than those that the centre is given for the name
	ReasonCaptive            Reason = "captive"       // somebody on the way answered with a page of his own
	ReasonNotAllowed         Reason = "not_allowed"   // an address inside that the machine's operator did not allow to be asked
)

// Reasons lists every reason; the index of one is its code.
func Reasons() []Reason {
	return []Reason{
		ReasonOK, ReasonTimeout, ReasonNoRoute, ReasonProhibited, ReasonUnreachable,
		ReasonNoPermission, ReasonRefused, ReasonDNSTimeout, ReasonDNSNXDomain, ReasonDNSServFail,
		ReasonDNSRefused, ReasonDNSNoAnswer, ReasonDNSError, ReasonConnectTimeout, ReasonConnectRefused,
		ReasonConnectUnreachable, ReasonConnectReset, ReasonTLSExpired, ReasonTLSName, ReasonTLSUntrusted,
		ReasonTLSError, ReasonHTTPTimeout, ReasonHTTPRedirect, ReasonHTTP4xx, ReasonHTTP5xx,
		ReasonHTTPStatus, ReasonHTTPError, ReasonBodyMismatch, ReasonNoData, ReasonNotPresent,
		ReasonBadReply, ReasonPanic, ReasonHang, ReasonSkipped, ReasonError,
		ReasonDNSDiffers, ReasonCaptive, ReasonNotAllowed,
	}
}

// Code is the number under which the reason is stored in a time series; 0 is
// ReasonOK, and a word of a newer agent has the code of ReasonError.
func (r Reason) Code() int {
	if i := slices.Index(Reasons(), r); i >= 0 {
		return i
	}
	return slices.Index(Reasons(), ReasonError)
}

// ReasonOf is the reason stored under code, ReasonError for one unknown here.
func ReasonOf(code int) Reason {
	all := Reasons()
	if code < 0 || code >= len(all) {
		return ReasonError
	}
	return all[code]
}

// Evidence reports whether a failure for this reason says something about the
// world. The others say only that the agent could not look.
func (r Reason) Evidence() bool {
	switch r {
	case ReasonNoPermission, ReasonNoData, ReasonNotPresent, ReasonPanic, ReasonHang, ReasonSkipped, ReasonNotAllowed:
		return false
	default:
		return true
	}
}
