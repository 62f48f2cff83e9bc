package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
)

const redacted = "***"

// Secret is a text that is redacted wherever it is printed: by fmt with any
// verb, by encoding/json and by log/slog. It prints as *** or, if it is empty,
// as nothing. Only Reveal returns the text.
type Secret struct {
	// A pointer, because fmt can't call methods on an unexported field of
	// another struct and would print the text; of a pointer it prints the
	// address.
	text    *string
	printed string
}

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text, printed: redacted}
}

// Decode sets the secret to text.
func (s *Secret) Decode(text string) error {
	*s = NewSecret(text)
	return nil
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns the redacted text.
func (s Secret) String() string { return s.printed }

// Format prints the redacted text, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.printed) }

// MarshalText returns the redacted text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.printed), nil }

// LogValue returns the redacted text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.printed) }

// URL is a Secret that prints with *** in place of its user, password, query
// and fragment. A text that isn't a URL with a host or path prints as ***.
type URL struct{ Secret }

// NewURL returns text, which need not be valid, as a URL.
func NewURL(text string) URL {
	u := URL{NewSecret(text)}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme == "" || parsed.Opaque != "" {
		return u
	}
	u.printed = parsed.Scheme + "://"
	if parsed.User != nil {
		u.printed += redacted + "@"
	}
	u.printed += parsed.Host + parsed.EscapedPath()
	if parsed.RawQuery != "" || parsed.Fragment != "" {
		u.printed += "?" + redacted
	}
	return u
}

// Decode sets the URL to text, which need not be valid.
func (u *URL) Decode(text string) error {
	*u = NewURL(text)
	return nil
}
