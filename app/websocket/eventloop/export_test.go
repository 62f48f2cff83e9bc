package eventloop

// CorkDelay is how long data that a running handler sends may wait for more.
const CorkDelay = corkDelay
