package web_test

import (
	"strings"
	"testing"

	"smart-factory-backend/app/web"
)

// assetPaths returns the paths of the script and the style sheet that the page names.
func assetPaths(t *testing.T) []string {
	t.Helper()
	page := string(request(web.ServePage, "GET", "/").Body())
	var paths []string
	for part := range strings.SplitSeq(page, `"`) {
		if strings.HasPrefix(part, web.AssetsPath+"/") {
			paths = append(paths, part)
		}
	}
	if len(paths) != 2 {
		t.Fatalf("the page names %v, want a script and a style sheet:\n%s", paths, page)
	}
	return paths
}

func TestPageRunsNothingInline(t *testing.T) {
	t.Parallel()
	r := request(web.ServePage, "GET", "/")
	body, policy := string(r.Body()), string(r.Header.Peek("Content-Security-Policy"))
	if r.StatusCode() != 200 || string(r.Header.ContentType()) != "text/html; charset=utf-8" {
		t.Errorf("GET / = %d, %s", r.StatusCode(), r.Header.ContentType())
	}
	for _, forbidden := range []string{"unsafe-inline", "unsafe-eval", "*", "http:"} {
		if strings.Contains(policy, forbidden) {
			t.Errorf("Content-Security-Policy = %q, want no %s", policy, forbidden)
		}
	}
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(body, " style=") || strings.Contains(body, "<script>") || strings.Contains(body, "://") {
		t.Errorf("the page has inline code or loads something from elsewhere; policy %q:\n%s", policy, body)
	}
	if cache := string(r.Header.Peek("Cache-Control")); cache != "no-cache" {
		t.Errorf("Cache-Control = %q, want no-cache so that a new release shows at once", cache)
	}
	if again := request(web.ServePage, "GET", "/", "If-None-Match", string(r.Header.Peek("ETag"))); again.StatusCode() != 304 {
		t.Errorf("GET / with its ETag = %d, want 304", again.StatusCode())
	}
}

func TestAssetsAreKeptForever(t *testing.T) {
	t.Parallel()
	for _, path := range assetPaths(t) {
		r := request(web.ServeAsset, "GET", path, "Accept-Encoding", "br")
		if cache := string(r.Header.Peek("Cache-Control")); r.StatusCode() != 200 || !strings.Contains(cache, "immutable") || len(r.Body()) == 0 {
			t.Errorf("GET %s = %d with %d bytes, Cache-Control %q; want an immutable file", path, r.StatusCode(), len(r.Body()), cache)
		}
		if contentType := string(r.Header.ContentType()); !strings.HasPrefix(contentType, "text/javascript") && !strings.HasPrefix(contentType, "text/css") {
			t.Errorf("GET %s: Content-Type = %s", path, contentType)
		}
	}
}

// While a rollout is under way, a page may come from one release and its files from
// another.
func TestAssetsOfAnotherReleaseAreNotCached(t *testing.T) {
	t.Parallel()
	r := request(web.ServeAsset, "GET", "/assets/0123456789abcdef/page.js")
	if cache := string(r.Header.Peek("Cache-Control")); r.StatusCode() != 200 || cache != "no-store" || len(r.Body()) == 0 {
		t.Errorf("GET = %d with %d bytes, Cache-Control %q; want this release's file with no-store", r.StatusCode(), len(r.Body()), cache)
	}
}

func TestAssetsRespondToUnknownPathsWith404(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/assets/", "/assets/x", "/assets/x/", "/assets/x/index.html", "/assets/x/../manual.html", "/assets/x/page.js.gz", "/assets/page.js"} {
		if r := request(web.ServeAsset, "GET", path); r.StatusCode() != 404 || string(r.Header.Peek("Cache-Control")) != "no-store" {
			t.Errorf("GET %s = %d, Cache-Control %q; want 404 that is not cached", path, r.StatusCode(), r.Header.Peek("Cache-Control"))
		}
	}
	if r := request(web.ServeAsset, "POST", "/assets/x/page.js"); r.StatusCode() != 405 {
		t.Errorf("POST = %d, want 405", r.StatusCode())
	}
}
