// Package websocket is the server's side of the WebSocket protocol (RFC 6455), strictly,
// on connections of package eventloop: one that is idle has no goroutine, no
// timer and no buffer. A Message is encoded once and may be sent on any number
// of connections.
//
// The opening handshake is that of github.com/fasthttp/websocket. Frames are
// read and written here, because a connection that waits has nothing to block
// in, and because text has to be refused at its first bad byte.
//
// permessage-deflate (RFC 7692) is spoken without context takeover, so that no
// connection keeps a window.
package websocket
