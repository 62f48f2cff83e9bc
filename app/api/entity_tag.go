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

// impossibleVersion is a version that no entry has.
const impossibleVersion = math.MaxInt64

// entityTags is a list of entity tags as a header has it.
type entityTags struct {
	present, any bool
	list         []string // with their quotes
}

// parseEntityTags reads If-Match or If-None-Match.
func parseEntityTags(ctx *fasthttp.RequestCtx, name string) (entityTags, error) {
	value := strings.TrimSpace(string(ctx.Request.Header.Peek(name)))
	if value == "" {
		return entityTags{}, nil
	}
	if value == "*" {
		return entityTags{present: true, any: true}, nil
	}
	t := entityTags{present: true}
	for tag := range strings.SplitSeq(value, ",") {
		tag = strings.TrimSpace(tag)
		inner := strings.TrimPrefix(tag, "W/")
		if len(inner) < 2 || inner[0] != '"' || inner[len(inner)-1] != '"' {
			return t, &httpError{status: fasthttp.StatusBadRequest, detail: name + " must be * or entity tags in quotes"}
		}
		t.list = append(t.list, tag)
	}
	return t, nil
}

// versions are those of the tags that are ours and strong.
func (t entityTags) versions() []int64 {
	var list []int64
	for _, tag := range t.list {
		digits, _, _ := strings.Cut(strings.Trim(tag, `"`), "-")
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > 0 && tag[0] == '"' {
			list = append(list, n)
		}
	}
	return list
}

// contains reports whether a tag is in the list, weak or strong.
func (t entityTags) contains(tag string) bool {
	return t.any || slices.ContainsFunc(t.list, func(other string) bool { return strings.TrimPrefix(other, "W/") == tag })
}

// writeCondition is the condition that a request to change an entry comes with.
// version returns the entry's version now, 0 for none.
func writeCondition(ctx *fasthttp.RequestCtx, version func() (int64, error)) (factory.Match, error) {
	match, err := parseEntityTags(ctx, fasthttp.HeaderIfMatch)
	if err != nil {
		return 0, err
	}
	none, err := parseEntityTags(ctx, fasthttp.HeaderIfNoneMatch)
	if err != nil {
		return 0, err
	}
	switch {
	case match.present && none.present:
		return 0, &httpError{status: fasthttp.StatusBadRequest, detail: "If-Match and If-None-Match do not go together"}
	case match.any:
		return factory.MatchAny, nil
	case none.any:
		return factory.MatchNone, nil
	case !match.present && !none.present:
		return factory.MatchAlways, nil
	}
	list := append(match.versions(), none.versions()...)
	if match.present && len(list) == 1 {
		return factory.Match(list[0]), nil // the store looks, without a moment in between
	}
	now, err := version()
	switch {
	case err != nil:
		return 0, err
	case slices.Contains(list, now) != match.present:
		return impossibleVersion, nil
	case now == 0:
		return factory.MatchNone, nil
	}
	return factory.Match(now), nil
}

// versionOrZero is the version of an entry that may not be there.
func versionOrZero(version int64, err error) (int64, error) {
	if isNotFound(err) {
		return 0, nil
	}
	return version, err
}

// checkReadConditions answers a request that has the representation of this tag
// already, or wants another one; it reports whether it did.
func checkReadConditions(ctx *fasthttp.RequestCtx, tag string) (bool, error) {
	ctx.Response.Header.Set(fasthttp.HeaderETag, tag)
	match, err := parseEntityTags(ctx, fasthttp.HeaderIfMatch)
	if err != nil {
		return false, err
	}
	if match.present && !match.any && !slices.Contains(match.list, tag) {
		return false, factory.ErrPrecondition
	}
	none, err := parseEntityTags(ctx, fasthttp.HeaderIfNoneMatch)
	if err != nil || !none.present || !none.contains(tag) {
		return false, err
	}
	ctx.SetStatusCode(fasthttp.StatusNotModified)
	return true, nil
}

func versionTag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
