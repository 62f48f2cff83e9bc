package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
)

const redacted = "***"

// Secret is a text that must not be shown. Whatever prints it, be it fmt with
// any verb, encoding/json or log/slog, prints *** instead, and nothing where
// it is empty. Only Reveal gives the text.
type Secret struct {
	// A pointer, since fmt can't call methods on an unexported field of
	// somebody's struct and would print the text itself; of a pointer it
	// prints the address.
	text *string
}

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns *** or, of an empty secret, nothing.
func (s Secret) String() string {
	if s.Reveal() == "" {
		return ""
	}
	return redacted
}

// Format prints what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns what String returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// URL is an address that may hold a password. Whatever prints it shows ***
// in place of user, password and query. Only Reveal gives the whole.
type URL struct {
	text Secret
}

// NewURL returns text, which need not be valid, as a URL.
func NewURL(text string) URL { return URL{text: NewSecret(text)} }

// Reveal returns the whole text.
func (u URL) Reveal() string { return u.text.Reveal() }

// String returns the URL without what may be secret; all of it is taken for
// secret if it isn't a URL with a host or path.
func (u URL) String() string {
	parsed, err := url.Parse(u.Reveal())
	if err != nil || parsed.Scheme == "" || parsed.Opaque != "" {
		return u.text.String()
	}
	text := parsed.Scheme + "://"
	if parsed.User != nil {
		text += redacted + "@"
	}
	text += parsed.Host + parsed.EscapedPath()
	if parsed.RawQuery != "" || parsed.Fragment != "" {
		text += "?" + redacted
	}
	return text
}

// Format prints what String returns, whatever the verb.
func (u URL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// MarshalText returns what String returns.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// LogValue returns what String returns.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }
