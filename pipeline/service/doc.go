// Package service is what every service of the pipeline does the same way: read its flags,
// log to standard error, stop on a signal, look for work again and again, and tell the
// container's health check how it is.
//
// The health check is the service's own binary, called as `<service> health`: it reads the
// heartbeat file that the running service rewrites on each turn. A heartbeat that is too old
// or that carries a reason makes the container unhealthy, with one line that says what is
// wrong and which command mends it.
//
// A service that cannot work (no weights, wrong owner, full disk) does not exit: it stays,
// says why, and goes on by itself once that is mended. It exits with 2 when it was called
// wrongly, and that includes being called as root.
package service
