/* http_octet.h - the classes of octets that HTTP's grammar is made of. For the http_*.c files. */
#ifndef NET_HTTP_OCTET_H
#define NET_HTTP_OCTET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    OCTET_TOKEN = 1,  /* RFC 9110 section 5.6.2 */
    OCTET_TARGET = 2, /* 0x21 to 0x7e, without '#' */
    OCTET_VALUE = 4,  /* HTAB, SP, VCHAR and obs-text: RFC 9110 section 5.5 */
    OCTET_HOST = 8,   /* reg-name without ',': RFC 3986 section 3.2.2 */
    OCTET_HEX = 16,
};

extern const uint8_t http_octets[256];

static inline bool octet_is(char octet, unsigned classes)
{
    return (http_octets[(unsigned char)octet] & classes) != 0;
}

static inline bool octet_is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

#endif
