package server

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"smart-factory-backend/app/web"

	"github.com/valyala/fasthttp"
)

// TestManualNeedsNoKey serves the manual to a client without a key, and finds it
// with a trailing slash.
func TestManualNeedsNoKey(t *testing.T) {
	_, addr := launch(t, "API_KEYS=test:admin:a-secret-of-some-length")
	for path, want := range map[string]int{
		"/manual": 200, "/manual/": 200, "/manual/troubleshoot": 200, "/manual/run/": 200, "/manual/manual.css": 200,
		"/manual/nothing": 404, "/manuals": 404, "/api/v1/latest": 401,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			request, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s %s = %d, want %d", method, path, response.StatusCode, want)
			}
		}
	}
}

// TestSeeLinksLeadToSections checks that each section that the package's code
// links to is a heading of the troubleshooting page.
func TestSeeLinksLeadToSections(t *testing.T) {
	t.Parallel()
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI(web.ManualPath + "/troubleshoot")
	web.ServeManual(&ctx)
	page := string(ctx.Response.Body())
	link := regexp.MustCompile(`(?:see|troubleshoot)\("([^"]*)"\)|&sectionError\{.*"([^"]*)"\}`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(source), -1) {
			links++
			section := match[1] + match[2]
			if !strings.Contains(page, fmt.Sprintf("<h2 id=%q>", section)) {
				t.Errorf("%s links to the section %q, which the manual does not have", file, section)
			}
		}
	}
	if links < 25 {
		t.Errorf("found %d links: the pattern misses some", links)
	}
}
