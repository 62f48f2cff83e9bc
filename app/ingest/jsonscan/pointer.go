package jsonscan

import "strings"

// EscapePointer returns key as a token of a JSON pointer (RFC 6901, section 3).
// The token is an Excerpt of a long key, so that an error can repeat it.
func EscapePointer(key string) string {
	key = Excerpt(strings.ToValidUTF8(key, "\uFFFD"))
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// maxExcerpt is the most bytes that Excerpt returns, besides the ellipsis.
const maxExcerpt = 64

// Excerpt shortens text of the sender's so that a message can repeat it.
func Excerpt(text string) string {
	if len(text) <= maxExcerpt {
		return text
	}
	return strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
}
