package engineio

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// Handshake is what is kept of the request that began a session. It is one
// string, taken apart when somebody asks.
type Handshake struct {
	// facts are the URL, the client's address, and the header's lines, each
	// ended by a line feed.
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

// URL is the request's target, with its query.
func (h *Handshake) URL() string { return h.text[:h.urlLen] }

// RemoteAddr is the client's address, as Options.ClientAddr told it.
func (h *Handshake) RemoteAddr() string { return h.text[h.urlLen : h.urlLen+h.addrLen] }

// Secure reports whether the client spoke TLS, as Options.Secure told it.
func (h *Handshake) Secure() bool { return h.secure }

// Time is when the session began.
func (h *Handshake) Time() time.Time { return time.Unix(0, h.time) }

// Query is the request's query. It is the caller's.
func (h *Handshake) Query() url.Values {
	_, query, _ := strings.Cut(h.URL(), "?")
	values, _ := url.ParseQuery(query) // what could be read of it
	return values
}

// Origin is the header of that name: where the page that connected is from,
// "" for a client that is no browser.
func (h *Handshake) Origin() string { return h.Header(fasthttp.HeaderOrigin) }

// Header returns the first value of a header, "" if there is none. The case of
// name does not matter.
func (h *Handshake) Header(name string) string {
	for line := range h.lines() {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// Headers returns all headers by their names in lower case, as the reference
// server has them. The map is the caller's.
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

// openPacket is the answer to a handshake ("Handshake").
func (s *Server) openPacket(sid string, upgradable bool) []byte {
	b := make([]byte, 0, 128)
	b = append(b, `0{"sid":"`...)
	b = append(b, sid...)
	b = append(b, `","upgrades":[`...)
	if upgradable {
		b = append(b, `"websocket"`...)
	}
	b = append(b, `],"pingInterval":`...)
	b = strconv.AppendInt(b, s.options.PingInterval.Milliseconds(), 10)
	b = append(b, `,"pingTimeout":`...)
	b = strconv.AppendInt(b, s.options.PingTimeout.Milliseconds(), 10)
	b = append(b, `,"maxPayload":`...)
	b = strconv.AppendInt(b, int64(s.options.MaxPayload), 10)
	return append(b, '}')
}
