package cli

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Control sequences of ECMA-48 terminals.
const (
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	clearScreen = "\x1b[2J"
	cursorHome  = "\x1b[H"
	clearLine   = "\x1b[K" // from the cursor to the end of the line
	clearBelow  = "\x1b[J" // from the cursor to the end of the screen
	resetColour = "\x1b[0m"
)

// terminalSize returns the size of the terminal that w writes to; ok is false
// if w isn't one.
func terminalSize(w io.Writer) (width, height int, ok bool) {
	file, isFile := w.(*os.File)
	if !isFile {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(file.Fd()))
	return width, height, err == nil
}

// palette colours text; the zero value leaves it plain.
type palette struct{ on bool }

// newPalette returns a palette that is on if standard output is a terminal and
// neither NO_COLOR (https://no-color.org) nor TERM=dumb asks for plain text.
func newPalette(p process) palette {
	_, _, ok := terminalSize(p.stdout)
	return palette{on: ok && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"}
}

func (p palette) colour(code, text string) string {
	if !p.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + resetColour
}

func (p palette) good(text string) string { return p.colour("32", text) }
func (p palette) bad(text string) string  { return p.colour("31", text) }

// state colours the state of a worker or process: green if it is normal,
// yellow if it is transitional, red if it needs attention.
func (p palette) state(text string) string {
	word, _, _ := strings.Cut(text, ",")
	switch word {
	case "running":
		return p.good(text)
	case "starting", "draining", "recycling", "stopping":
		return p.colour("33", text)
	}
	return p.bad(text)
}

// clip cuts line off after width characters, not counting colours.
func clip(line string, width int) string {
	count, escape := 0, false
	for i, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case count == width:
			if strings.Contains(line[:i], "\x1b") {
				return line[:i] + resetColour
			}
			return line[:i]
		default:
			count++
		}
	}
	return line
}
