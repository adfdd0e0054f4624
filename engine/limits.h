/* limits.h - the numbers that bound everything, in one place. What an operator may choose is in
 * config.h. */
#ifndef ENGINE_LIMITS_H
#define ENGINE_LIMITS_H

enum {
    /* An event. */
    LIMIT_TYPE_SIZE = 128,
    LIMIT_TYPE_SEGMENTS = 64,
    LIMIT_NAME_SIZE = 256, /* version, correlation id, idempotency key */
    LIMIT_CONTENT_TYPE_SIZE = 256,
    LIMIT_CHANNELS = 16,
    LIMIT_BATCH_EVENTS = 10000,
    LIMIT_TRACE_PARENT_SIZE = 55, /* exactly, if it is there */
    LIMIT_TRACE_STATE_SIZE = 512,

    /* A subscription. */
    LIMIT_SUBSCRIPTION_PATTERNS = 64,
    LIMIT_SUBSCRIPTION_HEADERS = 32,
    LIMIT_SUBSCRIPTION_HEADERS_SIZE = 4096,
    LIMIT_SECRET_SIZE = 128,
    LIMIT_SECRETS = 4, /* live at a time: the current one, and those before it in their overlap */
    LIMIT_SIGNATURE_HEADER_SIZE = 128, /* its name */
    LIMIT_TOKEN_SIZE = 4096,           /* of a receiver's authentication */
    LIMIT_AUTH_FIELD_SIZE = 5120,      /* the header that carries it, or a JWT of our own */
    LIMIT_RETRY_STEPS = 32,
    LIMIT_POINTER_SIZE = 256, /* a JSON pointer into payloads */
    LIMIT_DESCRIPTION_SIZE = 1024,
    LIMIT_METADATA_SIZE = 4096,
    LIMIT_REDACT_SIZE = 4096, /* of pointers and patterns each */

    /* Answers that may be repeated. */
    LIMIT_ANSWERS = 50000,
    LIMIT_ANSWERS_OF_TENANT = 5000,

    /* A shard. */
    LIMIT_EVENT_BLOCK_SIZE = 128 * 1024, /* a block of events, unless one event alone needs more */
    LIMIT_OUTCOME_BLOCK_SIZE = 128 * 1024,
    LIMIT_ROW_LOG_SIZE = 64 * 1024,
    LIMIT_EVENT_BLOCKS = 8192, /* whose deliveries are not all settled */
    LIMIT_DELIVERIES = 65536,  /* in memory; fewer if memory is small (budget.h) */
    LIMIT_ATTEMPTS = 2048,     /* on their way; fewer likewise */
    LIMIT_TOGETHER = 1000,     /* deliveries in one request */
    LIMIT_FETCHES = 256,       /* questions to the reader */

    /* How long a delivery may be without a durable trace of its own; then it gets a row, so that
       recovery stays short. */
    LIMIT_UNSETTLED_MS = 5000,
    LIMIT_RETRY_WINDOW_MS = 60000, /* retries due within this are held in memory */

    /* An attempt's record. */
    LIMIT_RESPONSE_CAPTURE = 1024,
    LIMIT_HEADERS_CAPTURE = 1024, /* of the request and of the response each */
    LIMIT_TRACE_FIELDS_SIZE = 32 + LIMIT_TRACE_PARENT_SIZE + LIMIT_TRACE_STATE_SIZE,
    LIMIT_REQUEST_HEAD_SIZE = 8192 + LIMIT_AUTH_FIELD_SIZE + LIMIT_TRACE_FIELDS_SIZE,
};

#endif
