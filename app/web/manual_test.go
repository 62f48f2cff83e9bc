package web_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/web"

	"github.com/valyala/fasthttp"
)

// get requests a path of the manual. header holds names and values in turn.
func get(method, path string, header ...string) *fasthttp.Response {
	return request(web.ServeManual, method, path, header...)
}

func request(handle fasthttp.RequestHandler, method, path string, header ...string) *fasthttp.Response {
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.SetRequestURI("http://factory" + path)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, nil, nil)
	handle(&ctx)
	return &ctx.Response
}

func TestManualServesEveryPage(t *testing.T) {
	t.Parallel()
	for _, name := range manualPages {
		path := web.ManualPath
		if name != "index" {
			path += "/" + name
		}
		for _, path := range []string{path, path + "/"} {
			r := get("GET", path)
			body := string(r.Body())
			if r.StatusCode() != 200 || string(r.Header.ContentType()) != "text/html; charset=utf-8" {
				t.Errorf("GET %s = %d, %s", path, r.StatusCode(), r.Header.ContentType())
			}
			if strings.Count(body, "<h1") != 1 || strings.Count(body, `aria-current="page"`) != 1 {
				t.Errorf("GET %s: want one title and one current page in the navigation", path)
			}
			if policy := string(r.Header.Peek("Content-Security-Policy")); !strings.Contains(policy, "style-src 'self'") || strings.Contains(policy, "unsafe") {
				t.Errorf("GET %s: Content-Security-Policy = %q", path, policy)
			}
			for _, forbidden := range []string{"<script", " style=", "javascript:", "raw HTML omitted"} {
				if strings.Contains(body, forbidden) {
					t.Errorf("GET %s contains %q", path, forbidden)
				}
			}
		}
	}
	style := get("GET", web.ManualPath+"/manual.css")
	if style.StatusCode() != 200 || string(style.Header.ContentType()) != "text/css; charset=utf-8" {
		t.Errorf("GET manual.css = %d, %s", style.StatusCode(), style.Header.ContentType())
	}
}

// A file that manualPages does not list would never be served.
func TestManualPagesAreTheFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("manual/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".md"))
	}
	if want := slices.Sorted(slices.Values(manualPages)); !slices.Equal(names, want) {
		t.Errorf("manual/*.md = %v, want %v", names, want)
	}
}

func TestManualRespondsToUnknownPathsWith404(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/manual/nothing", "/manual/404", "/manual/run/more", "/manual/index.md", "/manual/index"} {
		r := get("GET", path, "If-None-Match", "*")
		if r.StatusCode() != 404 || !strings.Contains(string(r.Body()), "/manual/troubleshoot") {
			t.Errorf("GET %s = %d, want 404 with the navigation", path, r.StatusCode())
		}
	}
}

func TestManualAllowsGETAndHEADOnly(t *testing.T) {
	t.Parallel()
	if r := get("POST", "/manual/run"); r.StatusCode() != 405 || string(r.Header.Peek("Allow")) != "GET, HEAD" {
		t.Errorf("POST = %d, Allow %q; want 405 and GET, HEAD", r.StatusCode(), r.Header.Peek("Allow"))
	}
	if r := get("HEAD", "/manual/run"); r.StatusCode() != 200 {
		t.Errorf("HEAD = %d, want 200", r.StatusCode())
	}
}

func TestManualRevalidatesByETag(t *testing.T) {
	t.Parallel()
	etag := string(get("GET", "/manual/run").Header.Peek("ETag"))
	for header, want := range map[string]int{
		etag: 304, "W/" + etag: 304, `"old", ` + etag: 304, "*": 304, `"old"`: 200, "": 200,
	} {
		r := get("GET", "/manual/run", "If-None-Match", header)
		if r.StatusCode() != want || string(r.Header.Peek("ETag")) != etag || (want == 304) != (len(r.Body()) == 0) {
			t.Errorf("If-None-Match %s = %d with %d bytes, ETag %s; want %d", header, r.StatusCode(), len(r.Body()), r.Header.Peek("ETag"), want)
		}
	}
	if other := string(get("GET", "/manual/size").Header.Peek("ETag")); other == etag {
		t.Error("two pages have the same ETag")
	}
}

func TestManualIsCompressedAsClientsAcceptIt(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/manual/run", "/manual/manual.css", "/manual/nothing"} {
		plain := get("GET", path)
		if encoding := plain.Header.ContentEncoding(); len(encoding) > 0 {
			t.Errorf("GET %s without Accept-Encoding: Content-Encoding = %s", path, encoding)
		}
		if refused := get("GET", path, "Accept-Encoding", "zstd, br;q=0, gzip;q=0"); !bytes.Equal(refused.Body(), plain.Body()) {
			t.Errorf("GET %s with br;q=0 and gzip;q=0: the body differs from the uncompressed one", path)
		}
		tags := map[string]bool{string(plain.Header.Peek("ETag")): true}
		for encoding, accept := range map[string]string{"br": "gzip, deflate, br", "gzip": "gzip, deflate"} {
			r := get("GET", path, "Accept-Encoding", accept)
			body, err := r.BodyUncompressed()
			if string(r.Header.ContentEncoding()) != encoding || err != nil || !bytes.Equal(body, plain.Body()) {
				t.Errorf("GET %s with %s: Content-Encoding = %q, %v; want the same content", path, accept, r.Header.ContentEncoding(), err)
			}
			if vary := string(r.Header.Peek("Vary")); vary != "Accept-Encoding" {
				t.Errorf("GET %s: Vary = %q", path, vary)
			}
			tags[string(r.Header.Peek("ETag"))] = true
		}
		if len(tags) != 3 {
			t.Errorf("GET %s: the ETags of three encodings are %v", path, tags)
		}
	}
}

// headingIDs returns the anchors of a page.
func headingIDs(page string) map[string]bool {
	ids := map[string]bool{}
	for _, match := range regexp.MustCompile(`<h[1-6] id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		ids[match[1]] = true
	}
	return ids
}

func TestLinksOfTheManualLeadSomewhere(t *testing.T) {
	t.Parallel()
	anchors := map[string]map[string]bool{}
	pages := map[string]string{}
	for _, name := range manualPages {
		path := web.ManualPath
		if name != "index" {
			path += "/" + name
		}
		pages[path] = string(get("GET", path).Body())
		anchors[path] = headingIDs(pages[path])
	}
	elsewhere := []string{"/", "/api/docs", "/favicon.ico", "/manual/manual.css"}
	for path, page := range pages {
		for _, match := range regexp.MustCompile(` href="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			target, anchor, hasAnchor := strings.Cut(match[1], "#")
			if target == "" {
				target = path
			}
			switch {
			case slices.Contains(elsewhere, target) && !hasAnchor || match[1] == "#content":
			case anchors[target] == nil:
				t.Errorf("%s links to %s, which is no page of the manual", path, match[1])
			case hasAnchor && !anchors[target][anchor]:
				t.Errorf("%s links to %s; that page has no such section: %v", path, match[1], slices.Sorted(maps.Keys(anchors[target])))
			}
		}
	}
}

// The README links to files of the repository, and to sections by the same
// anchors that the manual has.
func TestLinksOfTheReadmeLeadSomewhere(t *testing.T) {
	t.Parallel()
	const root = "../.."
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(readme), -1)
	if len(links) < 20 {
		t.Fatalf("README.md has %d links: the pattern does not find them", len(links))
	}
	for _, match := range links {
		file, anchor, hasAnchor := strings.Cut(match[1], "#")
		if file == "" {
			file = "README.md"
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Errorf("README.md links to %s: %v", match[1], err)
			continue
		}
		if hasAnchor && !headingIDs(parseDocument(t, file, text).body)[anchor] {
			t.Errorf("README.md links to %s; that file has no such section", match[1])
		}
	}
}
