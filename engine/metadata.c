/* metadata.c - see metadata.h. */
#include "metadata.h"

/* A byte of a field that is no UTF-8 becomes three, and an escape of three bytes at most six. What
 * is put around name and value is no longer than what the field has around them, but for the
 * content type's name. */
enum { FIELD_GROWTH = 3, BESIDES = 32 };

size_t metadata_room(const struct envelope *envelope)
{
    size_t room = BESIDES;
    for (unsigned i = 0; i < envelope->attribute_count; i++)
        room += envelope->attributes[i].size + 1;
    return room + (envelope->head ? FIELD_GROWTH * HTTP_HEAD_MAX : 0);
}

static void begin(struct text *text)
{
    text_char(text, text->size == 0 ? '{' : ',');
}

/* Attributes have names in lower case; those of fields have none. */
static void put_name(struct text *text, struct slice name)
{
    begin(text);
    text_char(text, '"');
    for (size_t i = 0; i < name.size; i++) {
        char c = name.at[i];
        if (c >= 'A' && c <= 'Z')
            c = "abcdefghijklmnopqrstuvwxyz"[c - 'A'];
        text_char(text, c);
    }
    text_put(text, SLICE("\":"));
}

/* What cannot be decoded is taken as it stands. */
static void put_field(struct text *text, const struct http_header *field)
{
    char value[HTTP_HEAD_MAX];
    struct slice name = envelope_attribute_of(field->name);
    if (name.size == 0 || slice_equal_nocase(name, SLICE("type")))
        return;
    long size = envelope_decode_field(field->value, value, sizeof value);
    put_name(text, name);
    text_json(text, size < 0 ? field->value : slice_of(value, (size_t)size));
}

static void put_fields(struct text *text, const struct http_head *head)
{
    const struct http_header *content_type = http_find(head, "content-type");
    if (content_type) { /* first, since it is the one that counts */
        put_name(text, SLICE("datacontenttype"));
        text_json(text, content_type->value);
    }
    for (unsigned i = 0; i < head->header_count; i++)
        put_field(text, &head->headers[i]);
}

void metadata_print(const struct envelope *envelope, struct text *text)
{
    for (unsigned i = 0; i < envelope->attribute_count; i++) {
        begin(text);
        text_put(text, envelope->attributes[i]);
    }
    if (envelope->head)
        put_fields(text, envelope->head);
    if (text->size == 0)
        text_char(text, '{');
    text_char(text, '}');
}
