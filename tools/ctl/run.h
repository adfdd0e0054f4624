/* run.h - the verbs that are more than one request. Each returns the exit status. */
#ifndef CTL_RUN_H
#define CTL_RUN_H

struct line;

enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHABLE };

/* The verb's one request, or its pages. */
int run_request(const struct line *line);

int run_event_send(const struct line *line);
int run_event_type_import(const struct line *line);
int run_delivery_tail(const struct line *line);
int run_audit_export(const struct line *line);
int run_audit_verify(const struct line *line);
int run_status(const struct line *line);
int run_verify(const struct line *line);
int run_doctor(const struct line *line);
int run_completion(const struct line *line);
int run_manual(const struct line *line);

#endif
