package factory

// DocumentKind is the kind of a Document.
type DocumentKind string

// Kinds of document.
const (
	DocumentMachine   DocumentKind = "machine"
	DocumentMetric    DocumentKind = "metric" // the id is a MetricDocumentID
	DocumentShift     DocumentKind = "shift"
	DocumentCalendar  DocumentKind = "calendar"
	DocumentProduct   DocumentKind = "product"
	DocumentAlarmRule DocumentKind = "alarm-rule"
	DocumentSource    DocumentKind = "source"
	// DocumentAlarmProgress says how far a rule has judged a machine's readings.
	DocumentAlarmProgress DocumentKind = "alarm-progress"
	// DocumentDelivery is how far an outbox has sent events; nobody edits it.
	DocumentDelivery DocumentKind = "delivery"
	// DocumentSetting is what a store was begun with and keeps; nobody edits it.
	DocumentSetting DocumentKind = "setting"
	// DocumentRevision counts the changes of documents that are checked against each
	// other. Each of these changes also changes it, so that of two at a time one
	// fails.
	DocumentRevision DocumentKind = "revision"
)

// Document is a versioned JSON object, for example a machine, a shift or an alarm
// rule.
type Document struct {
	Kind DocumentKind
	ID   string
	// Version starts at 1 and grows by 1 with each change, also across a deletion:
	// a document that is created again continues its versions.
	Version int64
	// CreatedAt and UpdatedAt are times of the server's clock in Unix milliseconds.
	CreatedAt, UpdatedAt int64
	// Deleted marks the remains of a deleted document, which only the
	// result of its deletion shows.
	Deleted bool
	// Data is a JSON object of at most MaxDocumentData bytes.
	Data []byte
}

// MaxDocumentData is the maximum size of a document's Data in bytes.
const MaxDocumentData = 64 << 10

// MetricDocumentID returns the id of the document of a metric. Ids of one machine
// are consecutive in byte order, because names contain no control characters.
func MetricDocumentID(machine, metric string) string { return machine + "\x1f" + metric }
