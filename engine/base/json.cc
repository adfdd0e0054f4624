/* json.cc - the DOM parser of simdjson 3.
 *
 * simdjson works in two stages. The first finds the offsets of all that opens, closes, separates or
 * begins a value, and checks the UTF-8; the second checks the grammar and writes a tape: a word or
 * two for each value, strings unescaped beside it. json_scan() and json_each() walk both results
 * side by side, since the offsets tell the raw bytes and the tape the unescaped keys; so one parse
 * serves both. json_value is a place on the tape.
 *
 * The grammar sets no limit to numbers, but simdjson refuses whole numbers over 64 bits and what is
 * too large for a double. A text with such numbers is parsed again from a copy in which they are
 * rewritten, at the same offsets: to "0" if only raw bytes are asked for, since these come from the
 * original; to a double if the tree is, where what is too large for that stays an error.
 *
 * Without exceptions: every call returns its error.
 */
#include <simdjson.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#pragma GCC diagnostic ignored "-Wpedantic" /* slice.h has C's compound literals */
extern "C" {
#include "base/json.h"
#include "base/json_text.h"
#include "base/text.h"
}

using simdjson::error_code;
using simdjson::dom::document;
using simdjson::internal::tape_ref;
using simdjson::internal::tape_type;

static_assert(JSON_PADDING >= simdjson::SIMDJSON_PADDING, "stage 1 reads whole blocks");
static_assert(JSON_DEPTH_MAX == simdjson::DEFAULT_MAX_DEPTH, "json_find_fault() counts alike");

struct json {
    simdjson::dom::parser parser;
    char *copy; /* where numbers are rewritten */
    size_t copy_size;
};

/* ---- parsing ---- */

int json_open(struct json **json)
{
    *json = new (std::nothrow) struct json();
    return *json ? 0 : -ENOMEM;
}

void json_close(struct json *json)
{
    if (json)
        free(json->copy);
    delete json;
}

static int reserve_copy(struct json *json, size_t size)
{
    size += JSON_PADDING;
    if (json->copy_size >= size)
        return 0;
    free(json->copy);
    json->copy_size = 0;
    json->copy = static_cast<char *>(malloc(size));
    if (!json->copy)
        return -ENOMEM;
    json->copy_size = size;
    return 0;
}

int json_reserve(struct json *json, size_t size)
{
    auto &parser = json->parser;
    if (size < simdjson::dom::MINIMAL_DOCUMENT_CAPACITY)
        size = simdjson::dom::MINIMAL_DOCUMENT_CAPACITY;
    if (size > parser.max_capacity())
        return -ENOMEM;
    if (parser.doc.capacity() < size && parser.doc.allocate(size))
        return -ENOMEM;
    if (parser.capacity() < size && parser.allocate(size))
        return -ENOMEM;
    return reserve_copy(json, size);
}

static bool is_number_byte(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || (c | 0x20) == 'e';
}

/* True if a number's text is whole and fits 64 bits. */
static bool fits_64_bits(const char *number, size_t size)
{
    int64_t negative;
    uint64_t positive;
    auto result = number[0] == '-' ? std::from_chars(number, number + size, negative)
                                   : std::from_chars(number, number + size, positive);
    return result.ec == std::errc() && result.ptr == number + size;
}

static bool is_whole(const char *number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (number[i] == '.' || (number[i] | 0x20) == 'e')
            return false;
    return true;
}

/* Rewrites the numbers of the copy, as the head of this file says. Stage 1 has found them. */
static void rewrite_numbers(struct json *json, size_t text_size, bool need_tree)
{
    const auto &stage1 = *json->parser.implementation;
    for (uint32_t i = 0; i < stage1.n_structural_indexes; i++) {
        char *number = json->copy + stage1.structural_indexes[i];
        const char *end = json->copy + text_size;
        size_t size = 0;
        while (number + size < end && is_number_byte(number[size]))
            size++;
        if (size == 0 || fits_64_bits(number, size))
            continue;
        if (!need_tree) {
            memset(number, ' ', size);
            number[0] = '0';
        } else if (is_whole(number, size)) {
            number[size - 2] = 'e'; /* in place of its last two digits of at least 19 */
            number[size - 1] = '2';
        }
    }
}

static int reparse(struct json *json, struct slice text, bool need_tree, error_code *error)
{
    if (reserve_copy(json, text.size))
        return -ENOMEM;
    memcpy(json->copy, text.at, text.size);
    memset(json->copy + text.size, ' ', JSON_PADDING);
    rewrite_numbers(json, text.size, need_tree);
    *error = json->parser.parse(json->copy, text.size, false).error();
    return 0;
}

/* Parses all of `text`; without `need_tree` the numbers on the tape may not be the text's. */
static int parse(struct json *json, struct slice text, bool need_tree, char *why)
{
    struct json_fault fault = {"the text is empty", 0};
    error_code error = simdjson::EMPTY;
    if (text.size) {
        error = json->parser.parse(text.at, text.size, false).error();
        if (!error)
            return 0;
        if (error == simdjson::MEMALLOC)
            return -ENOMEM;
        if (!json_find_fault(text, &fault) && error == simdjson::NUMBER_ERROR &&
            reparse(json, text, need_tree, &error))
            return -ENOMEM;
        if (!error)
            return 0;
    }
    if (fault.what)
        snprintf(why, JSON_WHY_SIZE, "malformed JSON: %s at byte %zu", fault.what, fault.offset);
    else if (error == simdjson::NUMBER_ERROR)
        snprintf(why, JSON_WHY_SIZE, "JSON with a number that is out of range");
    else
        snprintf(why, JSON_WHY_SIZE, "malformed JSON: %.60s", simdjson::error_message(error));
    return -EINVAL;
}

static enum json_kind kind_of(tape_type type)
{
    switch (type) {
    case tape_type::START_OBJECT:
        return JSON_OBJECT;
    case tape_type::START_ARRAY:
        return JSON_ARRAY;
    case tape_type::STRING:
        return JSON_STRING;
    case tape_type::TRUE_VALUE:
    case tape_type::FALSE_VALUE:
        return JSON_BOOL;
    case tape_type::NULL_VALUE:
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* ---- raw ---- */

/* A walk over the members or elements of the top-level container. */
struct walk {
    const char *text;
    const uint32_t *mark; /* the offset of the next token */
    tape_ref place;       /* the same on the tape */
};

/* Begins before the first member or element. */
static struct walk walk_begin(const struct json *json, struct slice text)
{
    const auto &stage1 = *json->parser.implementation;
    return {text.at, stage1.structural_indexes.get() + 1, tape_ref(&json->parser.doc, 2)};
}

static bool walk_at_end(const struct walk *walk)
{
    char c = walk->text[*walk->mark];
    return c == '}' || c == ']';
}

/* Steps over a value, and the comma after it. Returns its bytes. */
static struct slice walk_value(struct walk *walk)
{
    const char *start = walk->text + *walk->mark, *end;
    long depth = 0;
    do {
        char c = walk->text[*walk->mark++];
        depth += (c | 0x20) == '{'; /* or '[' */
        depth -= (c | 0x20) == '}';
    } while (depth);

    if (*start == '{' || *start == '[') {
        end = walk->text + walk->mark[-1] + 1;
    } else {
        end = walk->text + *walk->mark;
        while (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' || end[-1] == '\r')
            end--;
    }
    if (walk->text[*walk->mark] == ',')
        walk->mark++;
    walk->place.json_index = walk->place.after_element();
    return slice_of(start, static_cast<size_t>(end - start));
}

static struct slice string_at(const tape_ref &place)
{
    return slice_of(place.get_c_str(), place.get_string_length());
}

/* Parses a text whose top level has to be a container of this kind. */
static int parse_container(struct json *json, struct slice text, enum json_kind kind, char *why)
{
    int error = parse(json, text, false, why);
    if (error)
        return error;
    if (kind_of(tape_ref(&json->parser.doc, 1).tape_ref_type()) == kind)
        return 0;
    snprintf(why, JSON_WHY_SIZE, "not a JSON %s", kind == JSON_OBJECT ? "object" : "array");
    return -EPROTOTYPE;
}

int json_scan(struct json *json, struct slice text, struct json_member *members, int max,
              char why[JSON_WHY_SIZE])
{
    int error = parse_container(json, text, JSON_OBJECT, why);
    if (error)
        return error;

    int count = 0;
    struct walk walk = walk_begin(json, text);
    for (; !walk_at_end(&walk); count++) {
        struct json_member member;
        const char *start = text.at + *walk.mark;
        member.key = string_at(walk.place);
        walk.place.json_index++;
        walk.mark += 2; /* the key and its colon */
        member.kind = kind_of(walk.place.tape_ref_type());
        member.raw = walk_value(&walk);
        const char *end = member.raw.at + member.raw.size;
        member.whole = slice_of(start, static_cast<size_t>(end - start));
        if (count < max)
            members[count] = member;
    }
    return count;
}

int json_each(struct json *json, struct slice text, int (*each)(void *context, struct slice raw),
              void *context, char why[JSON_WHY_SIZE])
{
    int error = parse_container(json, text, JSON_ARRAY, why);
    if (error)
        return error;

    int count = 0;
    struct walk walk = walk_begin(json, text);
    for (; !walk_at_end(&walk); count++) {
        error = each(context, walk_value(&walk));
        if (error)
            return error;
    }
    return count;
}

/* ---- tree ---- */

static tape_ref place_of(struct json_value value)
{
    return tape_ref(static_cast<const document *>(value.document), value.place);
}

int json_read(struct json *json, struct slice text, struct json_value *root,
              char why[JSON_WHY_SIZE])
{
    *root = {&json->parser.doc, 1};
    return parse(json, text, true, why);
}

enum json_kind json_kind(struct json_value value)
{
    return kind_of(place_of(value).tape_ref_type());
}

bool json_bool(struct json_value value, bool *result)
{
    if (json_kind(value) != JSON_BOOL)
        return false;
    *result = place_of(value).is_true();
    return true;
}

bool json_double(struct json_value value, double *result)
{
    tape_ref place = place_of(value);
    if (place.is_double())
        *result = place.next_tape_value<double>();
    else if (place.is_int64())
        *result = static_cast<double>(place.next_tape_value<int64_t>());
    else if (place.is_uint64())
        *result = static_cast<double>(place.next_tape_value<uint64_t>());
    else
        return false;
    return true;
}

bool json_u64(struct json_value value, uint64_t *result)
{
    const double exact_max = 9007199254740992.0; /* 2^53: below it a double is exact */
    tape_ref place = place_of(value);
    if (place.is_int64() && place.next_tape_value<int64_t>() < 0)
        return false;
    if (place.is_int64() || place.is_uint64()) {
        *result = place.next_tape_value<uint64_t>();
        return true;
    }
    double number; /* 1.0 and 1e3 are whole numbers too */
    if (!json_double(value, &number) || !(number >= 0 && number <= exact_max))
        return false;
    *result = static_cast<uint64_t>(number);
    return !(static_cast<double>(*result) < number);
}

bool json_i64(struct json_value value, int64_t *result)
{
    tape_ref place = place_of(value);
    if (!place.is_int64())
        return false;
    *result = place.next_tape_value<int64_t>();
    return true;
}

bool json_string(struct json_value value, struct slice *result)
{
    if (json_kind(value) != JSON_STRING)
        return false;
    *result = string_at(place_of(value));
    return true;
}

bool json_next(struct json_value container, uint64_t *cursor, struct slice *key,
               struct json_value *result)
{
    tape_ref whole = place_of(container);
    enum json_kind kind = json_kind(container);
    if (kind != JSON_OBJECT && kind != JSON_ARRAY)
        return false;

    tape_ref place(whole.doc, *cursor ? *cursor : whole.json_index + 1);
    if (place.json_index + 1 >= whole.after_element()) /* at the closing word */
        return false;
    if (kind == JSON_OBJECT) {
        if (key)
            *key = string_at(place);
        place.json_index++;
    }
    *result = {place.doc, place.json_index};
    *cursor = place.after_element();
    return true;
}

bool json_get(struct json_value object, const char *key, struct json_value *result)
{
    if (json_kind(object) != JSON_OBJECT)
        return false;
    struct slice wanted = slice_str(key), found;
    uint64_t cursor = 0;
    struct json_value value;
    while (json_next(object, &cursor, &found, &value)) {
        if (slice_equal(found, wanted)) {
            *result = value;
            return true;
        }
    }
    return false;
}

/* ---- printing ---- */

static void put_number(struct text *text, const tape_ref &place)
{
    char digits[32];
    std::to_chars_result end;
    if (place.is_double())
        end = std::to_chars(digits, digits + sizeof digits, place.next_tape_value<double>());
    else if (place.is_int64())
        end = std::to_chars(digits, digits + sizeof digits, place.next_tape_value<int64_t>());
    else
        end = std::to_chars(digits, digits + sizeof digits, place.next_tape_value<uint64_t>());
    text_put(text, slice_of(digits, static_cast<size_t>(end.ptr - digits)));
}

static void put_scalar(struct text *text, const tape_ref &place)
{
    switch (place.tape_ref_type()) {
    case tape_type::STRING:
        text_json(text, string_at(place));
        break;
    case tape_type::TRUE_VALUE:
        text_put(text, SLICE("true"));
        break;
    case tape_type::FALSE_VALUE:
        text_put(text, SLICE("false"));
        break;
    case tape_type::NULL_VALUE:
        text_put(text, SLICE("null"));
        break;
    default:
        put_number(text, place);
    }
}

/* Goes over the tape from the value's first word to its last. */
void json_put(struct json_value value, struct text *text)
{
    bool is_object[JSON_DEPTH_MAX + 1] = {false}; /* by depth; the top is like an array */
    unsigned depth = 0;
    bool first = true;

    tape_ref place = place_of(value);
    for (size_t end = place.after_element(); place.json_index < end && text_ok(text);) {
        char type = static_cast<char>(place.tape_ref_type());
        if (type == '}' || type == ']') {
            text_char(text, type);
            place.json_index++;
            depth--;
            first = false;
            continue;
        }
        if (!first)
            text_char(text, ',');
        if (is_object[depth]) {
            text_json(text, string_at(place));
            text_char(text, ':');
            place.json_index++;
            type = static_cast<char>(place.tape_ref_type());
        }
        first = type == '{' || type == '[';
        if (first) {
            text_char(text, type);
            is_object[++depth] = type == '{';
            place.json_index++;
        } else {
            put_scalar(text, place);
            place.json_index = place.after_element();
        }
    }
}

long json_print(struct json_value value, char *out, size_t room)
{
    struct text text;
    text_init(&text, out, room);
    json_put(value, &text);
    return text_ok(&text) ? static_cast<long>(text.size) : -ENOBUFS;
}
