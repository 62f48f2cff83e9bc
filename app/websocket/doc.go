// Package websocket is the server side of the WebSocket protocol (RFC 6455) on
// connections of package eventloop: an idle connection has no goroutine, no
// timer and no buffer. A Message is encoded once and can be sent on any number
// of connections.
//
// The opening handshake is done by github.com/fasthttp/websocket. Frames are
// parsed and written here, because that library blocks in reads and does not
// validate UTF-8.
//
// permessage-deflate (RFC 7692) is negotiated without context takeover, so no
// connection keeps a compression window.
//
// Section numbers in comments refer to RFC 6455 unless they name another RFC.
package websocket
