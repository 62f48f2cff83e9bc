// Package lineprotocol reads InfluxDB's line protocol:
//
//	measurement[,tag=value…] field=value[,field=value…] [timestamp]
//
// with its escapes, comments, CRLF, and strings that run over several lines. A
// line that breaks the syntax is reported with its number, and reading goes on
// with the next one. What the names and values mean is left to the caller.
//
// A Scanner belongs to one goroutine. It allocates nothing: what it returns
// lies in the input, which it changes in place where a name is escaped.
package lineprotocol
