/* notify.h - tells the service manager how things stand (sd_notify(3)'s protocol). */
#ifndef ENGINE_NOTIFY_H
#define ENGINE_NOTIFY_H

/* Sends `state` ("READY=1", "STOPPING=1") to $NOTIFY_SOCKET, if there is one. What goes wrong is
 * nobody's concern but the manager's. */
void notify(const char *state);

#endif
