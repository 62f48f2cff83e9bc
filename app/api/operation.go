package api

import "strconv"

// Operation describes a route in the OpenAPI document. The generator in the tests
// adds what follows from the route: path parameters, security, and the responses
// that every route of its kind has.
type Operation struct {
	// ID is the operationId, Tag the name of its group.
	ID, Tag, Summary, Description string
	// Query are the query parameters of a route that parses them itself.
	Query []Parameter
	// Body is the content of the request; nil for none.
	Body Content
	// Conditional routes evaluate If-Match and If-None-Match.
	Conditional bool
	// Responses are the route's own. One without a description is the standard
	// response of its status.
	Responses []Response
	// OwnErrors means that Responses is complete.
	OwnErrors bool
}

// Content maps media types to the names of their schemas; "" is plain text.
type Content map[string]string

// Response describes a response. Content is nil if it has no body.
type Response struct {
	Status      int
	Description string
	Content     Content
}

// JSON is the content application/json with the given schema.
func JSON(schema string) Content { return Content{"application/json": schema} }

// Parameter describes a query parameter: an integer if Max is set, otherwise text.
type Parameter struct {
	Name, Description string
	Default, Example  string
	Words             []string // the values of an enumeration
	Min, Max          int
	// List parameters hold several values, separated by commas. Repeatable ones
	// may also appear several times.
	List, Repeatable bool
	Required         bool
}

func limitParameter(of string, most int) Parameter {
	return Parameter{Name: "limit", Description: "The most " + of + " in a page.", Min: 1, Max: most, Default: strconv.Itoa(most)}
}

var cursorParameter = Parameter{Name: "cursor", Description: "The next_cursor of the previous page."}
