// Package lineprotocol decodes InfluxDB's line protocol:
//
//	measurement[,tag=value…] field=value[,field=value…] [timestamp]
//
// with its escapes, comments, CR LF, and strings that span lines. Scanner reads
// the syntax and knows nothing of machines; Decode maps lines to readings. A line
// with a syntax error is reported by its number, and scanning continues with the
// next line.
//
// A Scanner belongs to one goroutine. It allocates nothing: the strings that it
// returns lie in the input, which it changes in place where a name is escaped.
package lineprotocol
