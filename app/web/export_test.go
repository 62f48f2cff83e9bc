package web

// ManualPages are the names of the pages, the index first.
var ManualPages = manualPages

// RenderMarkdown renders Markdown as the manual does.
func RenderMarkdown(source []byte) string { return parseDocument("test", source).body }
