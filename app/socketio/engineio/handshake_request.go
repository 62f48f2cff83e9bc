package engineio

import (
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// Handshake is the request that opened a session. It is kept as one string and
// parsed only when asked, because most programs never ask.
type Handshake struct {
	// text holds the URL, the client's address, and the header lines, each
	// followed by a line feed.
	text    string
	time    int64 // Unix nanoseconds
	urlLen  uint32
	addrLen uint32
	secure  bool
}

func (s *Server) newHandshake(ctx *fasthttp.RequestCtx) Handshake {
	addr := s.options.ClientAddr(ctx)
	uri := ctx.RequestURI()
	var b strings.Builder
	b.Grow(len(uri) + len(addr) + len(ctx.Request.Header.RawHeaders()))
	b.Write(uri)
	b.WriteString(addr)
	for name, value := range ctx.Request.Header.All() {
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
		b.WriteByte('\n')
	}
	return Handshake{
		text: b.String(), time: time.Now().UnixNano(), secure: s.options.Secure(ctx),
		urlLen: uint32(len(uri)), addrLen: uint32(len(addr)), //nolint:gosec // a header is far below 4 GiB
	}
}

// URL returns the request target, including the query.
func (h *Handshake) URL() string { return h.text[:h.urlLen] }

// RemoteAddr returns the client's address, from Options.ClientAddr.
func (h *Handshake) RemoteAddr() string { return h.text[h.urlLen : h.urlLen+h.addrLen] }

// Secure reports whether the client used TLS, from Options.Secure.
func (h *Handshake) Secure() bool { return h.secure }

// Time returns when the session was opened.
func (h *Handshake) Time() time.Time { return time.Unix(0, h.time) }

// Query parses the query of the URL. Invalid parts are left out.
func (h *Handshake) Query() url.Values {
	_, query, _ := strings.Cut(h.URL(), "?")
	values, _ := url.ParseQuery(query) // returns what it could parse
	return values
}

// Origin returns the Origin header, which browsers send; "" if there is none.
func (h *Handshake) Origin() string { return h.Header(fasthttp.HeaderOrigin) }

// Header returns the first value of a header, "" if there is none. name is
// case-insensitive.
func (h *Handshake) Header(name string) string {
	for line := range h.lines() {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// Headers returns a new map of all headers by their names in lower case, as in
// the reference server.
func (h *Handshake) Headers() map[string][]string {
	all := map[string][]string{}
	for line := range h.lines() {
		key, value, _ := strings.Cut(line, ":")
		key = strings.ToLower(key)
		all[key] = append(all[key], value)
	}
	return all
}

func (h *Handshake) lines() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		rest := h.text[h.urlLen+h.addrLen:]
		for rest != "" {
			var line string
			line, rest, _ = strings.Cut(rest, "\n")
			if !yield(line) {
				return
			}
		}
	}
}
