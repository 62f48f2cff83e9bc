package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Recording reads the rows of one file of CSV or NDJSON. It is not safe for concurrent use,
// and does not close the reader.
type Recording struct {
	name   string
	lines  *lineReader
	ndjson bool
	sep    byte
	fields int
	// headers is nil if the file has none.
	headers []string
	columns []column
	// fieldBuf is reused by each row. pending is the first row, if it was read
	// in place of a header.
	fieldBuf [][]byte
	pending  []byte
	values   []float64
	texts    []string
}

// Row holds the values of one timestamp.
type Row struct {
	// Line is the line number in the file, from 1.
	Line int
	// ObservedAt is in Unix milliseconds.
	ObservedAt int64
	// Values holds one finite number per metric, or NaN for a missing value or a
	// text. Texts holds one text per metric, "" for a missing value or a number.
	// Both are valid until the following Next.
	Values []float64
	Texts  []string
	// object is the row of an NDJSON file, which has neither.
	object *object
}

// NewRecording reads the first line of r, detects the format and resolves the
// columns. Errors start with name, followed by the line and the column.
func NewRecording(r io.Reader, name string, c Columns) (*Recording, error) {
	rec := &Recording{name: name, lines: newLineReader(r)}
	line, err := rec.line()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty", name)
	}
	if err != nil {
		return nil, err
	}
	line = bytes.TrimPrefix(line, []byte("\ufeff"))
	if isObject(line) {
		rec.ndjson, rec.pending = true, bytes.Clone(line)
		if c.Metric != "" || len(c.Rename) > 0 {
			return nil, rec.errorAt(0, errNoNames)
		}
		return rec, nil
	}
	if rec.sep, err = detectSeparator(line); err != nil {
		return nil, rec.errorAt(0, err)
	}
	if err := rec.header(line, c); err != nil {
		return nil, err
	}
	rec.values, rec.texts = make([]float64, len(rec.columns)), make([]string, len(rec.columns))
	return rec, nil
}

// Metrics returns the metric names, in the order of Row.Values.
func (r *Recording) Metrics() []string {
	names := make([]string, len(r.columns))
	for i, col := range r.columns {
		names[i] = col.metric
	}
	return names
}

// Bytes returns the offset in the file at which the last row ends.
func (r *Recording) Bytes() int64 { return r.lines.bytes }

// Next returns the next row, or io.EOF after the last. Any other error is final.
func (r *Recording) Next() (Row, error) {
	line := r.pending
	r.pending = nil
	if line == nil {
		var err error
		if line, err = r.line(); err != nil {
			return Row{}, err
		}
	}
	if r.ndjson {
		return r.objectRow(line)
	}
	fields, at, err := splitFields(r.fieldBuf[:0], line, r.sep)
	r.fieldBuf = fields
	if err != nil {
		return Row{}, r.errorAt(at, err)
	}
	if len(fields) != r.fields {
		return Row{}, r.errorAt(0, fmt.Errorf("%d columns, want %d", len(fields), r.fields))
	}
	return r.row(fields)
}

// row parses the fields of a row.
func (r *Recording) row(fields [][]byte) (Row, error) {
	text := string(bytes.TrimSpace(fields[0]))
	at, err := parseTime(text)
	if err != nil {
		return Row{}, r.errorAt(1, fmt.Errorf("%s %w", quoteShort(text), err))
	}
	for i := range r.columns {
		col := &r.columns[i]
		text := string(bytes.TrimSpace(fields[col.index]))
		value, err := parseValue(text)
		if col.kind == unknownColumn && text != "" {
			col.kind = kindOf(text, err)
		}
		if col.kind == textColumn {
			r.values[i], r.texts[i] = math.NaN(), text
			continue
		}
		if r.values[i] = value; err != nil {
			return Row{}, r.errorAt(col.index+1, fmt.Errorf("%s %w", quoteShort(text), err))
		}
	}
	return Row{Line: r.lines.line, ObservedAt: at, Values: r.values, Texts: r.texts}, nil
}

// kindOf returns the kind of a column whose first value is text; err says why it is no
// number. What was meant as a number is one, so that its row is reported.
func kindOf(text string, err error) columnKind {
	if errors.Is(err, errNotANumber) && !almostNumber.MatchString(text) {
		return textColumn
	}
	return numberColumn
}

// almostNumber matches numbers with a decimal comma, with grouped digits or in hex.
var almostNumber = regexp.MustCompile(`^[+-]?[0-9][0-9., _']*([eE][+-]?[0-9]+)?$|^[+-]?0[xX]`)

var errNotANumber = errors.New("is not a number")

// line returns the next line that is not blank, or io.EOF.
func (r *Recording) line() ([]byte, error) {
	for {
		line, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, r.errorAt(0, err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}

// header parses the first line as the header, unless it starts with a timestamp.
func (r *Recording) header(line []byte, c Columns) error {
	fields, at, err := splitFields(nil, bytes.Clone(line), r.sep)
	if err != nil {
		return r.errorAt(at, err)
	}
	r.fields = len(fields)
	headers := make([]string, len(fields))
	for i, field := range fields {
		headers[i] = strings.ToValidUTF8(string(bytes.TrimSpace(field)), "\uFFFD")
	}
	if _, err := parseTime(headers[0]); err == nil || errors.Is(err, errSeconds) {
		r.pending = bytes.Clone(line)
		headers = defaultHeaders(len(fields))
	} else {
		r.headers = headers
	}
	if r.columns, err = c.resolve(headers); err != nil {
		return r.errorAt(0, err)
	}
	return nil
}

// defaultHeaders returns the headers of a file that has none: "value" for a
// single value column, otherwise "column 2", "column 3" and so on.
func defaultHeaders(n int) []string {
	headers := make([]string, n)
	for i := range headers {
		headers[i] = "column " + strconv.Itoa(i+1)
	}
	if n == 2 {
		headers[1] = "value"
	}
	return headers
}

// errorAt adds the line and the field to err. Fields count from 1; 0 is the
// whole line.
func (r *Recording) errorAt(field int, err error) error {
	where := fmt.Sprintf("%s:%d", r.name, r.lines.line)
	switch {
	case field > 0 && field <= len(r.headers):
		where += fmt.Sprintf(": column %d (%s)", field, quoteShort(r.headers[field-1]))
	case field > 0:
		where += fmt.Sprintf(": column %d", field)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// detectSeparator returns whichever of semicolon, tab and comma occurs most
// often in line.
func detectSeparator(line []byte) (byte, error) {
	best, most := byte(0), 0
	for _, sep := range []byte{';', '\t', ','} {
		if n := bytes.Count(line, []byte{sep}); n > most {
			best, most = sep, n
		}
	}
	if most == 0 {
		return 0, errors.New("only one column: want comma, semicolon or tab between timestamp and values")
	}
	return best, nil
}

// parseValue returns the number in text. An empty text or "NaN" is a missing
// value, returned as NaN.
func parseValue(text string) (float64, error) {
	if text == "" {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errors.New("is too large for a number")
	case err != nil:
		return 0, errNotANumber
	case math.IsInf(v, 0):
		return 0, errors.New("is not a finite number")
	}
	return v, nil
}
