package api

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// An entity tag (RFC 9110, section 8.8.3) is the version of an entry. A dash and
// a suffix follow where the representation changes without the version. Writes
// compare versions only.

// impossibleVersion is a version that no entry has.
const impossibleVersion = math.MaxInt64

// entityTags is the value of an If-Match or If-None-Match header.
type entityTags struct {
	present bool
	any     bool     // the value is *
	list    []string // with their quotes
}

// parseEntityTags parses the header with the given name.
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
			return t, &httpError{status: fasthttp.StatusBadRequest, detail: name + " must be * or a list of entity tags in quotes"}
		}
		t.list = append(t.list, tag)
	}
	return t, nil
}

// versions returns the versions of the strong tags that this API can have made.
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

// contains reports whether the list has tag, by weak comparison.
func (t entityTags) contains(tag string) bool {
	return t.any || slices.ContainsFunc(t.list, func(other string) bool { return strings.TrimPrefix(other, "W/") == tag })
}

// writeCondition returns the condition of a request that changes an entry.
// version returns the entry's current version, 0 if there is no such entry.
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
		return 0, &httpError{status: fasthttp.StatusBadRequest, detail: "If-Match and If-None-Match cannot be combined"}
	case match.any:
		return factory.MatchAny, nil
	case none.any:
		return factory.MatchNone, nil
	case !match.present && !none.present:
		return factory.MatchAlways, nil
	}
	list := append(match.versions(), none.versions()...)
	if match.present && len(list) == 1 {
		return factory.Match(list[0]), nil // the store compares and writes atomically
	}
	current, err := version()
	switch {
	case err != nil:
		return 0, err
	case slices.Contains(list, current) != match.present:
		return impossibleVersion, nil
	case current == 0:
		return factory.MatchNone, nil
	}
	return factory.Match(current), nil
}

// versionOrZero returns 0 for an entry that does not exist.
func versionOrZero(version int64, err error) (int64, error) {
	if isNotFound(err) {
		return 0, nil
	}
	return version, err
}

// checkReadConditions sets the ETag header and applies the conditions of a GET.
// done means that the response, a 304, is complete.
func checkReadConditions(ctx *fasthttp.RequestCtx, tag string) (done bool, err error) {
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
