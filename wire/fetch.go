package wire

// Bounded transfers, by which a site measures its line at night. A GET is
// answered with as many bytes as asked for in QueryBytes, a POST with how many
// came in HeaderBytes; both need a site's token.
const (
	PathFetch   = "/api/v1/fetch"
	QueryBytes  = "bytes"
	HeaderBytes = "X-Thongsuot-Bytes"
	MaxFetch    = 1 << 20 // bytes of one transfer, either way
)
