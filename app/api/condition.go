package api

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// Entity tags (RFC 9110, section 8.8.3) are the version of an entry, with a
// dash and more where the representation changes without it. Whether an entry
// may be changed depends on the version alone.

// never is a version that no entry has.
const never = math.MaxInt64

// tags is a list of entity tags as a header has it.
type tags struct {
	given, any bool
	tags       []string // with their quotes
}

// tagsOf reads If-Match or If-None-Match.
func tagsOf(ctx *fasthttp.RequestCtx, name string) (tags, error) {
	value := strings.TrimSpace(string(ctx.Request.Header.Peek(name)))
	if value == "" {
		return tags{}, nil
	}
	if value == "*" {
		return tags{given: true, any: true}, nil
	}
	t := tags{given: true}
	for tag := range strings.SplitSeq(value, ",") {
		tag = strings.TrimSpace(tag)
		inner := strings.TrimPrefix(tag, "W/")
		if len(inner) < 2 || inner[0] != '"' || inner[len(inner)-1] != '"' {
			return t, &httpError{status: fasthttp.StatusBadRequest, detail: name + " must be * or entity tags in quotes"}
		}
		t.tags = append(t.tags, tag)
	}
	return t, nil
}

// versions are those of the tags that are ours and strong.
func (t tags) versions() []int64 {
	var list []int64
	for _, tag := range t.tags {
		digits, _, _ := strings.Cut(strings.Trim(tag, `"`), "-")
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > 0 && tag[0] == '"' {
			list = append(list, n)
		}
	}
	return list
}

// has reports whether a tag is in the list, weak or strong.
func (t tags) has(tag string) bool {
	return t.any || slices.ContainsFunc(t.tags, func(other string) bool { return strings.TrimPrefix(other, "W/") == tag })
}

// matchOf is the condition that a request to change an entry comes with.
// version returns the entry's version now, 0 for none.
func matchOf(ctx *fasthttp.RequestCtx, version func() (int64, error)) (factory.Match, error) {
	match, err := tagsOf(ctx, fasthttp.HeaderIfMatch)
	if err != nil {
		return 0, err
	}
	none, err := tagsOf(ctx, fasthttp.HeaderIfNoneMatch)
	if err != nil {
		return 0, err
	}
	switch {
	case match.given && none.given:
		return 0, &httpError{status: fasthttp.StatusBadRequest, detail: "If-Match and If-None-Match do not go together"}
	case match.any:
		return factory.MatchAny, nil
	case none.any:
		return factory.MatchNone, nil
	case !match.given && !none.given:
		return factory.MatchAlways, nil
	}
	list := append(match.versions(), none.versions()...)
	if match.given && len(list) == 1 {
		return factory.Match(list[0]), nil // the store looks, without a moment in between
	}
	now, err := version()
	switch {
	case err != nil:
		return 0, err
	case slices.Contains(list, now) != match.given:
		return never, nil
	case now == 0:
		return factory.MatchNone, nil
	}
	return factory.Match(now), nil
}

// versionOr0 is the version of an entry that may not be there.
func versionOr0(version int64, err error) (int64, error) {
	if isNotFound(err) {
		return 0, nil
	}
	return version, err
}

// notModified answers a request that has the representation of this tag
// already, or wants another one; it reports whether it did.
func notModified(ctx *fasthttp.RequestCtx, tag string) (bool, error) {
	ctx.Response.Header.Set(fasthttp.HeaderETag, tag)
	match, err := tagsOf(ctx, fasthttp.HeaderIfMatch)
	if err != nil {
		return false, err
	}
	if match.given && !match.any && !slices.Contains(match.tags, tag) {
		return false, factory.ErrPrecondition
	}
	none, err := tagsOf(ctx, fasthttp.HeaderIfNoneMatch)
	if err != nil || !none.given || !none.has(tag) {
		return false, err
	}
	ctx.SetStatusCode(fasthttp.StatusNotModified)
	return true, nil
}

func tagOf(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
