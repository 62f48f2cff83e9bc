package socketio

import (
	"encoding/json"
	"net/url"
	"time"
)

// Handshake is what is known of how a socket came to be. As JSON it has the
// form of the original's.
type Handshake struct {
	// Headers are those of the request that began the session, by their names
	// in lower case.
	Headers map[string][]string
	// Query is the request's query.
	Query url.Values
	// URL is the request's target, with the query.
	URL string
	// Address is the client's.
	Address string
	// Secure and CrossDomain report whether the request came by TLS, and
	// whether a page of some origin made it.
	Secure, CrossDomain bool
	// Time is when the session began.
	Time time.Time
	// Auth is what the client sent to connect, a JSON object.
	Auth json.RawMessage
}

// MarshalJSON makes the object that Node servers exchange.
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

// singleValues are values by name: a string, or a list where there are several.
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

// Handshake tells how the socket came to be. It is made for each call.
func (s *Socket) Handshake() *Handshake {
	h := s.client.session.Handshake()
	return &Handshake{
		Headers: h.Headers(), Query: h.Query(), URL: h.URL(), Address: h.RemoteAddr(),
		Secure: h.Secure(), CrossDomain: h.Origin() != "", Time: h.Time(), Auth: s.auth,
	}
}
