package socketio

import (
	"encoding/json"
	"net/url"
	"time"
)

// Handshake describes the request that opened the session of a socket. Its
// JSON form is that of Node servers.
type Handshake struct {
	// Headers are the headers of the request, by their names in lower case.
	Headers map[string][]string
	// Query is the query of the request.
	Query url.Values
	// URL is the target of the request, including the query.
	URL string
	// Address is the address of the client.
	Address string
	// Secure reports whether the request came over TLS, and CrossDomain
	// whether it had an Origin header.
	Secure, CrossDomain bool
	// Time is when the session was opened.
	Time time.Time
	// Auth is the JSON object that the client sent to connect.
	Auth json.RawMessage
}

// MarshalJSON encodes the object that Node servers exchange.
func (h *Handshake) MarshalJSON() ([]byte, error) {
	auth := h.Auth
	if len(auth) == 0 {
		auth = json.RawMessage("{}")
	}
	return json.Marshal(struct {
		Headers map[string]any  `json:"headers"`
		Time    string          `json:"time"`
		Address string          `json:"address"`
		XDomain bool            `json:"xdomain"`
		Secure  bool            `json:"secure"`
		Issued  int64           `json:"issued"`
		URL     string          `json:"url"`
		Query   map[string]any  `json:"query"`
		Auth    json.RawMessage `json:"auth"`
	}{
		Headers: singleValues(h.Headers), Time: h.Time.UTC().Format("Mon Jan 02 2006 15:04:05 GMT+0000 (Coordinated Universal Time)"),
		Address: h.Address, XDomain: h.CrossDomain, Secure: h.Secure, Issued: h.Time.UnixMilli(),
		URL: h.URL, Query: singleValues(h.Query), Auth: auth,
	})
}

// singleValues maps names to a string, or to a slice if there are several
// values.
func singleValues(values map[string][]string) map[string]any {
	m := make(map[string]any, len(values))
	for name, list := range values {
		if len(list) == 1 {
			m[name] = list[0]
		} else {
			m[name] = list
		}
	}
	return m
}

// Handshake returns the handshake of the socket. Each call builds a new one.
func (s *Socket) Handshake() *Handshake {
	h := s.client.session.Handshake()
	return &Handshake{
		Headers: h.Headers(), Query: h.Query(), URL: h.URL(), Address: h.RemoteAddr(),
		Secure: h.Secure(), CrossDomain: h.Origin() != "", Time: h.Time(), Auth: s.auth,
	}
}
