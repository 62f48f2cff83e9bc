package api

import (
	"bufio"

	"smart-factory-backend/app/factory"
)

// historyObject writes history as one JSON object. Its pages are those of one
// response: a series that continues on the next page has one member points.
type historyObject struct {
	w      *bufio.Writer // nil collects all text
	r      *historyRequest
	text   []byte
	series int    // how many have begun
	metric string // of the last one
	err    error  // of w
}

// objectText is how much text is collected before it is written.
const objectText = 8 << 10

// appendJSON returns the whole response, whose only page is given. It has about the
// given size.
func (r *historyRequest) appendJSON(page *historyPage, size int) []byte {
	o := historyObject{r: r, text: make([]byte, 0, size)}
	_ = o.writeHeader() // without a writer nothing fails
	_ = o.writePage(page)
	_ = o.writeEnd(page.next)
	return o.text
}

func (o *historyObject) writeHeader() error {
	o.text = append(appendString(append(o.text, `{"machine":`...), o.r.machine), `,"series":[`...)
	return nil
}

func (o *historyObject) writePage(page *historyPage) error {
	for _, s := range page.points {
		dst, comma := o.beginSeries(s.Metric, s.Unit)
		for _, p := range s.Points {
			dst = append(append(dst, comma...), '[')
			dst = append(appendInt(dst, p.ObservedAt), ',')
			dst = append(appendFloat(dst, p.Value), ']')
			if comma = ","; len(dst) >= objectText {
				if dst = o.flush(dst); o.err != nil {
					return o.err
				}
			}
		}
		for _, p := range s.Texts {
			dst = append(append(dst, comma...), '[')
			dst = append(appendInt(dst, p.ObservedAt), ',')
			dst = append(appendString(dst, p.Value), ']')
			if comma = ","; len(dst) >= objectText {
				if dst = o.flush(dst); o.err != nil {
					return o.err
				}
			}
		}
		o.text = dst
	}
	for _, s := range page.buckets {
		dst, comma := o.beginSeries(s.Metric, s.Unit)
		for i := range s.Buckets {
			dst = o.appendBucket(append(dst, comma...), &s.Buckets[i], s.Kind)
			if comma = ","; len(dst) >= objectText {
				if dst = o.flush(dst); o.err != nil {
					return o.err
				}
			}
		}
		o.text = dst
	}
	return nil
}

// beginSeries continues the last series or begins another one. It returns the text so
// far and what separates it from the next item.
func (o *historyObject) beginSeries(metric, unit string) (dst []byte, comma string) {
	if o.series > 0 && metric == o.metric {
		return o.text, "," // no page has a series without items
	}
	o.endSeries()
	dst = appendComma(o.text, o.series)
	dst = appendString(append(dst, `{"metric":`...), metric)
	dst = appendString(append(dst, `,"unit":`...), unit)
	o.metric = metric
	o.series++
	return append(dst, `,"points":[`...), ""
}

func (o *historyObject) endSeries() {
	if o.series > 0 {
		o.text = append(o.text, ']', '}')
	}
}

func (o *historyObject) appendBucket(dst []byte, b *factory.Bucket, kind factory.MetricKind) []byte {
	dst = append(appendInt(append(dst, '['), b.Start), ',', '{')
	for i, g := range o.r.aggregates {
		dst = g.appendMember(appendComma(dst, i), b, kind)
	}
	return append(dst, '}', ']')
}

func (o *historyObject) writeEnd(next string) error {
	o.endSeries()
	o.text = o.flush(appendCursor(append(o.text, ']'), next))
	return o.err
}

// flush writes the text, if there is a writer, and returns what is left of it.
func (o *historyObject) flush(text []byte) []byte {
	if o.w == nil {
		return text
	}
	_, o.err = o.w.Write(text)
	return text[:0]
}
