package hub

// Message is message for the tests outside.
type Message = message

// Decode is decode.
func Decode(text []byte) (Message, error) { return decode(text) }

// Encode is encode.
func (m message) Encode() []byte { return m.encode() }
