package eventloop

// CorkTime is how long what a handler sends may wait for more of it.
const CorkDelay = corkDelay
