/* verb.h - what grapnelctl can be told: one table of nouns and verbs. Parsing, requests, help,
 * completion and the man page all come from it, so that they cannot disagree.
 *
 * A verb without code of its own is one request: its path with the argument in place of {id}, its
 * options as parameters or as members of the body, and its columns for what comes back.
 */
#ifndef CTL_VERB_H
#define CTL_VERB_H

#include "base/slice.h"

struct line;

enum option_use {
    OPTION_OWN,    /* for the verb's own code */
    OPTION_QUERY,  /* a parameter of the request's target */
    OPTION_TEXT,   /* a member of the body: a string */
    OPTION_LIST,   /* an array of strings, "a,b"; may be repeated */
    OPTION_MOMENT, /* a time, or a duration: so long ago */
    OPTION_JSON,   /* JSON as it is */
    OPTION_PAIR,   /* "NAME=VALUE": a string under NAME; may be repeated */
};

struct option {
    const char *name;     /* without its dashes */
    const char *argument; /* what to call its value; NULL: a switch */
    enum option_use use;
    const char *field;   /* the parameter, or the member: "signature.scheme"; NULL: `name` */
    const char *choices; /* "active|paused", or NULL: anything. Only helps: the server judges */
    const char *help;
};

enum column_kind { COLUMN_TEXT, COLUMN_TIME, COLUMN_NUMBER, COLUMN_STATUS };

struct column {
    const char *title, *field; /* "last_attempt.http_status" */
    enum column_kind kind;
};

enum verb_answer {
    ANSWER_OBJECT,
    ANSWER_LIST,  /* pages: {"data":[...],"next_cursor":...} */
    ANSWER_ARRAY, /* {"data":[...]}, all of it */
};

enum verb_takes {
    TAKES_PAGES = 1,  /* --limit, --all, --cursor */
    TAKES_FIELDS = 2, /* --set, --data */
};

struct verb {
    const char *name; /* NULL: the noun alone is a command */
    const char *help;
    const char *method, *path; /* NULL: no single request */
    const char *argument;      /* "ID", "[DIR]" if it may be missing; NULL: none */
    const char *field;         /* the member of the body that the argument is; NULL: none */
    unsigned takes;
    const char *timeout; /* NULL: the usual */
    enum verb_answer answer;
    const struct option *options;        /* up to one without a name */
    const struct column *columns;        /* up to one without a title */
    int (*run)(const struct line *line); /* NULL: the request. Returns the exit status */
};

struct noun {
    const char *name, *help;
    const struct verb *verbs; /* up to one without help */
};

/* Up to one without a name. */
extern const struct noun nouns[];

/* Options that every verb has, and those that `takes` brings; each up to one without a name. */
extern const struct option global_options[], page_options[], field_options[];

enum {
    GLOBAL_URL,
    GLOBAL_KEY,
    GLOBAL_KEY_FILE,
    GLOBAL_TENANT,
    GLOBAL_CA_FILE,
    GLOBAL_OUTPUT,
    GLOBAL_TIMEOUT,
    GLOBAL_HELP,
    GLOBAL_VERSION
};

/* NULL: there is none. A noun may be given in the plural. */
const struct noun *noun_find(struct slice name);
const struct verb *verb_find(const struct noun *noun, struct slice name);

/* A noun that is a command by itself: its one verb, or NULL. */
const struct verb *noun_alone(const struct noun *noun);

/* An option of the verb, of its own or of those that it takes; NULL: there is none. */
const struct option *verb_option(const struct verb *verb, struct slice name);

/* Walks all of them: `cursor` starts at 0; NULL at the end. */
const struct option *verb_next_option(const struct verb *verb, size_t *cursor);

#endif
