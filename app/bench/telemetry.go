package main

import (
	"math"
	"strconv"
)

// format is an encoding of telemetry and the endpoint that accepts it.
type format struct {
	name, path, contentType string
	// appendObject appends the readings of one machine at one time. A body is
	// begin, the objects with between in between, and end.
	begin, end, between string
	appendObject        func(g *generator, dst []byte) []byte
	status              int
}

var (
	jsonFormat   = format{name: "JSON", path: "/api/v1/telemetry", contentType: "application/json", begin: "[", between: ",", end: "]", appendObject: (*generator).appendJSON, status: 200}
	ndjsonFormat = format{name: "NDJSON", path: "/api/v1/telemetry", contentType: "application/x-ndjson", between: "\n", appendObject: (*generator).appendJSON, status: 200}
	lineFormat   = format{name: "line protocol", path: "/api/v2/write?precision=ms", contentType: "text/plain", between: "\n", appendObject: (*generator).appendLine, status: noContent}
)

// generator generates telemetry of 1 000 series. Its time advances by a tenth of
// a second after each round of all machines. It is not safe for concurrent use.
type generator struct {
	requestShape
	machine int
	at      int64
	body    []byte
}

const (
	generatorSeries = 1000
	generatorStep   = 100 // milliseconds
)

// appendRequest appends a POST of JSON with the next readings.
func (g *generator) appendRequest(dst []byte) []byte {
	f := jsonFormat
	if g.objects == 1 {
		f.begin, f.end = "", ""
	}
	return g.appendPost(dst, f)
}

// appendJSON appends the readings of one machine at one time as a JSON object.
func (g *generator) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"machine":"bench-`...)
	dst = strconv.AppendInt(dst, int64(g.machine), 10)
	dst = append(dst, `","ts":`...)
	dst = strconv.AppendInt(dst, g.at, 10)
	dst = append(dst, `,"values":{`...)
	for i := range g.values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `"metric_`...)
		dst = strconv.AppendInt(dst, int64(i), 10)
		dst = append(dst, `":`...)
		dst = strconv.AppendFloat(dst, g.value(i), 'f', 3, 64)
	}
	g.advance()
	return append(dst, "}}"...)
}

// advance moves to the next machine, and after the last one to the next time.
func (g *generator) advance() {
	if g.machine++; g.machine*g.values >= generatorSeries {
		g.machine = 0
		g.at += generatorStep
	}
}

// value returns a slow wave with some noise, to three decimals, like a sensor's.
func (g *generator) value(metric int) float64 {
	wave := 20 * math.Sin(float64(g.at)/600_000+float64(g.machine+metric))
	noise := float64(uint64(g.at/generatorStep+int64(g.machine*31+metric*7))*2654435761%1000) / 1000
	return 60 + wave + noise
}

// appendPost appends a POST with the next readings in format f.
func (g *generator) appendPost(dst []byte, f format) []byte {
	g.body = append(g.body[:0], f.begin...)
	for i := range g.objects {
		if i > 0 {
			g.body = append(g.body, f.between...)
		}
		g.body = f.appendObject(g, g.body)
	}
	g.body = append(g.body, f.end...)
	dst = append(dst, "POST "...)
	dst = append(dst, f.path...)
	dst = append(dst, " HTTP/1.1\r\nHost: bench\r\nContent-Type: "...)
	dst = append(dst, f.contentType...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(g.body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, g.body...)
}

// appendLine appends the readings of one machine at one time as a line of line
// protocol.
func (g *generator) appendLine(dst []byte) []byte {
	dst = append(dst, "opcua,machine=bench-"...)
	dst = strconv.AppendInt(dst, int64(g.machine), 10)
	for i := range g.values {
		separator := byte(',')
		if i == 0 {
			separator = ' '
		}
		dst = append(dst, separator)
		dst = append(dst, "metric_"...)
		dst = strconv.AppendInt(dst, int64(i), 10)
		dst = append(dst, '=')
		dst = strconv.AppendFloat(dst, g.value(i), 'f', 3, 64)
	}
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, g.at, 10)
	g.advance()
	return dst
}
