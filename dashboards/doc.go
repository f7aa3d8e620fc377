// Package dashboards serves the pages: all sites at a glance, one site with its
// charts, one incident with its history.
//
// Pages are drawn whole at the server and complete without scripts. With
// scripts a page holds one stream of server-sent events and swaps the parts
// that changed; the stream survives a cut, because the identity of an event is
// what the browser shows, so any server can go on from it.
//
// What is not known is said: a page tells when it lost its stream, when its
// figures are old, when the centre itself cannot see, and when nobody would be
// told. State is always a shape, a word and a colour.
//
// The handler is safe for concurrent use and starts no goroutine of its own.
// Streams last as long as their requests: they end when the request's context
// ends or Options.Done is closed. http.Server.Shutdown waits for them and does
// neither, so close Done (or cancel the server's BaseContext) before it.
package dashboards
