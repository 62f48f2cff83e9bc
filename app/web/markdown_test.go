package web_test

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"smart-factory-backend/app/web"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// manualPages are the pages of the manual in reading order. Each is the file
// manual/NAME.md; the index comes first.
var manualPages = []string{
	"index", "page", "run", "configure", "http-api", "realtime", "ingest", "history", "oee", "alarms", "migrate", "troubleshoot", "size", "benchmark",
}

// renderManual returns what the manual's files in built/ must contain, by their names
// without the encoding.
func renderManual(t *testing.T) map[string][]byte {
	t.Helper()
	documents := make([]document, len(manualPages))
	for i, name := range manualPages {
		documents[i] = parseDocument(t, name, readFile(t, filepath.Join("manual", name+".md")))
	}
	files := map[string][]byte{"manual/manual.css": append(readFile(t, "page/src/styles/tokens.css"), readFile(t, "manual.css")...)}
	for _, d := range documents {
		files[strings.TrimPrefix(d.path(), "/")+".html"] = renderPage(d, documents)
	}
	missing := parseDocument(t, "404", []byte("# Page not found\n\nThe manual has no page at this address. All pages are listed in the navigation.\n"))
	files["404.html"] = renderPage(missing, documents)
	return files
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// markdown parses and renders the manual. Cell alignment as an attribute needs
// no inline style, which the content security policy forbids; raw HTML is
// dropped by default.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

// document is one page of the manual, rendered without its frame.
type document struct {
	name     string
	title    string
	sections []section
	body     string
}

// section is a heading of the second level.
type section struct{ id, title string }

// path returns where the document is served.
func (d document) path() string {
	if d.name == "index" {
		return web.ManualPath
	}
	return web.ManualPath + "/" + d.name
}

// parseDocument renders Markdown. Links to other pages are written as links
// between files, so that they work in a repository browser as well; here they
// become paths.
func parseDocument(t *testing.T, name string, source []byte) document {
	t.Helper()
	d := document{name: name}
	root := markdown.Parser().Parse(text.NewReader(source))
	err := ast.Walk(root, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.Heading:
			title := headingText(n, source)
			switch n.Level {
			case 1:
				d.title = title
			case 2:
				id, _ := n.AttributeString("id")
				d.sections = append(d.sections, section{id: string(id.([]byte)), title: title})
			}
		case *ast.Link:
			n.Destination = []byte(pagePath(string(n.Destination)))
		}
		return ast.WalkContinue, nil
	})
	var b bytes.Buffer
	if err == nil {
		err = markdown.Renderer().Render(&b, source, root)
	}
	if err != nil {
		t.Fatalf("page %s: %v", name, err)
	}
	// A wide table scrolls by itself; tabindex makes that possible by keyboard.
	d.body = strings.NewReplacer(
		"<table>", `<div class="table" tabindex="0"><table>`, "</table>", "</table></div>", "<pre>", `<pre tabindex="0">`,
	).Replace(b.String())
	d.body = codeOrNumber.ReplaceAllStringFunc(d.body, func(match string) string {
		if strings.HasPrefix(match, "<") {
			return match
		}
		return strings.ReplaceAll(match, " ", "\u00a0")
	})
	return d
}

// codeOrNumber finds the numbers that no line may break, such as 20 000 or
// 4 KiB. It also finds code, which must stay as it is to be copied.
var codeOrNumber = regexp.MustCompile(`(?s)<(?:pre|code)\b.*?</(?:pre|code)>|\d(?: \d{3}\b)*(?: (?:[KMG]i?B|[mµ]?s)\b)?`)

// headingText returns the text of a heading without its markup.
func headingText(heading *ast.Heading, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(heading, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if leaf, ok := node.(*ast.Text); ok && entering {
			b.Write(leaf.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// pagePath turns a link to a file of the manual, such as run.md#docker, into
// the path of its page. Other links stay as they are.
func pagePath(link string) string {
	file, fragment, hasFragment := strings.Cut(link, "#")
	name, isPage := strings.CutSuffix(file, ".md")
	if !isPage || strings.Contains(name, "/") {
		return link
	}
	to := document{name: name}.path()
	if hasFragment {
		to += "#" + fragment
	}
	return to
}

// renderPage puts a document into the frame that all pages share: navigation,
// the page's own sections, the text.
func renderPage(d document, all []document) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s – Smart Factory Backend</title>
<link rel="icon" type="image/svg+xml" href="/favicon.ico">
<link rel="stylesheet" href="%s/manual.css">
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header><a class="brand" href="/">Smart Factory</a> <a href="%s">Manual</a> <a href="/api/docs">API reference</a></header>
<nav aria-label="Manual">
<ul>
`, html.EscapeString(d.title), web.ManualPath, web.ManualPath)
	for _, page := range all {
		current := ""
		if page.name == d.name {
			current = ` aria-current="page"`
		}
		fmt.Fprintf(&b, "<li><a href=\"%s\"%s>%s</a></li>\n", page.path(), current, html.EscapeString(page.title))
	}
	b.WriteString("<li><a href=\"/api/docs\">API reference</a></li>\n</ul>\n</nav>\n<main id=\"content\">\n")
	title, rest, _ := strings.Cut(d.body, "</h1>\n")
	b.WriteString(title + "</h1>\n")
	if len(d.sections) > 2 {
		b.WriteString("<nav class=\"contents\" aria-label=\"On this page\">\n<h2>On this page</h2>\n<ul>\n")
		for _, s := range d.sections {
			fmt.Fprintf(&b, "<li><a href=\"#%s\">%s</a></li>\n", s.id, html.EscapeString(s.title))
		}
		b.WriteString("</ul>\n</nav>\n")
	}
	b.WriteString(rest + "</main>\n</body>\n</html>\n")
	return b.Bytes()
}
