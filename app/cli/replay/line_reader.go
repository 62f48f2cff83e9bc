package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine limits the length of a line, and so the memory that a file which is
// not a recording can use.
const maxLine = 1 << 20

// lineReader reads a recording line by line and tracks its position.
type lineReader struct {
	r *bufio.Reader
	// long collects a line that does not fit into r's buffer.
	long []byte
	// line is the number of lines read so far, bytes their total length with
	// line endings.
	line  int
	bytes int64
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// next returns the next line without its line ending. The line is valid until
// the following call. At the end of the file, next returns io.EOF.
func (l *lineReader) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.bytes += int64(len(part))
		if len(l.long)+len(part) > maxLine {
			l.line++
			return nil, fmt.Errorf("line is longer than %d bytes", maxLine)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = append(l.long, part...)
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case err != nil && len(l.long)+len(part) == 0:
			return nil, io.EOF
		}
		if len(l.long) > 0 {
			l.long = append(l.long, part...)
			part = l.long
		}
		l.line++
		part = bytes.TrimSuffix(part, []byte("\n"))
		return bytes.TrimSuffix(part, []byte("\r")), nil
	}
}

// splitFields splits line at sep and appends the fields to dst. Quoted fields
// follow RFC 4180, but without line breaks. The fields alias line, in which
// quoted fields are unquoted in place. With an error, the int is the number of
// its field, from 1.
func splitFields(dst [][]byte, line []byte, sep byte) ([][]byte, int, error) {
	for {
		var field []byte
		var more bool
		if len(line) > 0 && line[0] == '"' {
			var err error
			if field, line, more, err = cutQuoted(line, sep); err != nil {
				return dst, len(dst) + 1, err
			}
		} else {
			field, line, more = bytes.Cut(line, []byte{sep})
		}
		dst = append(dst, field)
		if !more {
			return dst, 0, nil
		}
		if len(dst) > maxColumns {
			return dst, len(dst), fmt.Errorf("more than %d columns", maxColumns)
		}
	}
}

// cutQuoted cuts a quoted field off the front of line and reports whether
// another field follows.
func cutQuoted(line []byte, sep byte) (field, rest []byte, more bool, err error) {
	w := 0
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] != '"':
			line[w] = line[i]
			w++
		case i+1 < len(line) && line[i+1] == '"':
			line[w] = '"'
			w++
			i++
		case i+1 == len(line):
			return line[:w], nil, false, nil
		case line[i+1] == sep:
			return line[:w], line[i+2:], true, nil
		default:
			return nil, nil, false, errors.New("text after the closing quote")
		}
	}
	return nil, nil, false, errors.New("quote is not closed on the same line")
}
