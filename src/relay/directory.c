// SPDX-License-Identifier: MIT
#include "relay/directory.h"

#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "proto/address.h"

/* An agent, and all that it is found by. */
struct entry {
    struct cl_list uses;
    uint32_t id_len;
    char id[];
};

/* A name or a capability, while anybody has it. */
struct word {
    struct cl_list uses;
    uint32_t key_len;
    char key[]; // its kind, then its text
};

struct use {
    struct cl_link of_entry;
    struct cl_link of_word;
    const struct entry *entry;
    struct word *word;
};

void
cl_directory_init(struct cl_directory *directory, const cl_hash_key *hash_key)
{
    cl_map_init(&directory->agents, hash_key);
    cl_map_init(&directory->words, hash_key);
}

/* -- words ------------------------------------------------------------------------------------- */

/* A display name may have blanks. */
#define KEY_CAP (1 + CL_V2_DISPLAY_BYTES_MAX)

/* What cannot stand in an address is not looked for. */
static bool
can_be_sought(enum cl_word kind, cl_str text)
{
    struct cl_address address;
    if (kind == CL_WORD_CAPABILITY)
        return cl_name_is_valid(text);
    return text.len < KEY_CAP && cl_address_read(text, &address) && address.kind == CL_ADDRESS_NAME;
}

static cl_str
key_of(enum cl_word kind, cl_str text, char space[static KEY_CAP])
{
    space[0] = (char)('0' + kind);
    memcpy(space + 1, text.ptr, text.len);
    return cl_str_of(space, 1 + text.len);
}

/* NULL without memory. */
static struct word *
know_word(struct cl_directory *directory, cl_str key)
{
    struct word *word = cl_map_get(&directory->words, key);
    if (word != NULL)
        return word;
    word = cl_alloc(sizeof *word + key.len);
    if (word == NULL)
        return NULL;
    cl_list_init(&word->uses);
    word->key_len = (uint32_t)key.len;
    memcpy(word->key, key.ptr, key.len);
    if (cl_map_put(&directory->words, cl_str_of(word->key, key.len), word) == CL_OK)
        return word;
    cl_free(word);
    return NULL;
}

static void
forget_unused(struct cl_directory *directory, struct word *word)
{
    if (!cl_list_is_empty(&word->uses))
        return;
    (void)cl_map_remove(&directory->words, cl_str_of(word->key, word->key_len));
    cl_free(word);
}

/* -- agents ------------------------------------------------------------------------------------ */

static enum cl_err
add_use(struct cl_directory *directory, struct entry *entry, enum cl_word kind, cl_str text)
{
    char space[KEY_CAP];
    if (!can_be_sought(kind, text))
        return CL_OK;
    struct word *word = know_word(directory, key_of(kind, text, space));
    if (word == NULL)
        return CL_ERR_NO_MEMORY;
    struct cl_link *last = cl_list_last(&word->uses);
    if (last != NULL && CL_LIST_ENTRY(last, struct use, of_word)->entry == entry)
        return CL_OK; // it said the same twice
    struct use *use = cl_alloc(sizeof *use);
    if (use == NULL) {
        forget_unused(directory, word);
        return CL_ERR_NO_MEMORY;
    }
    use->entry = entry;
    use->word = word;
    cl_list_append(&entry->uses, &use->of_entry);
    cl_list_append(&word->uses, &use->of_word);
    return CL_OK;
}

static void
free_entry(struct cl_directory *directory, struct entry *entry)
{
    CL_LIST_EACH(&entry->uses, at)
    {
        struct use *use = CL_LIST_ENTRY(at, struct use, of_entry);
        cl_list_remove(&use->of_word);
        forget_unused(directory, use->word);
        cl_free(use);
    }
    (void)cl_map_remove(&directory->agents, cl_str_of(entry->id, entry->id_len));
    cl_free(entry);
}

void
cl_directory_drop(struct cl_directory *directory, cl_str id)
{
    struct entry *entry = cl_map_get(&directory->agents, id);
    if (entry != NULL)
        free_entry(directory, entry);
}

enum cl_err
cl_directory_put(struct cl_directory *directory, cl_str id, cl_str name, cl_strs capabilities)
{
    cl_directory_drop(directory, id);
    struct entry *entry = cl_alloc(sizeof *entry + id.len);
    if (entry == NULL)
        return CL_ERR_NO_MEMORY;
    cl_list_init(&entry->uses);
    entry->id_len = (uint32_t)id.len;
    memcpy(entry->id, id.ptr, id.len);
    if (cl_map_put(&directory->agents, cl_str_of(entry->id, id.len), entry) != CL_OK) {
        cl_free(entry);
        return CL_ERR_NO_MEMORY;
    }
    enum cl_err err = add_use(directory, entry, CL_WORD_NAME, name);
    for (uint32_t i = 0; i < capabilities.len && err == CL_OK; i++)
        err = add_use(directory, entry, CL_WORD_CAPABILITY, capabilities.ptr[i]);
    if (err != CL_OK)
        free_entry(directory, entry);
    return err;
}

void
cl_directory_done(struct cl_directory *directory)
{
    struct entry *entry;
    for (uint32_t at = 0; (entry = cl_map_next(&directory->agents, &at)) != NULL;)
        free_entry(directory, entry);
    cl_map_done(&directory->agents);
    cl_map_done(&directory->words);
}

/* -- looking ----------------------------------------------------------------------------------- */

static cl_str
id_at(const struct cl_directory_walk *walk)
{
    if (walk->at == &walk->list->head)
        return CL_STR("");
    const struct entry *entry =
        CL_LIST_ENTRY((struct cl_link *)(uintptr_t)walk->at, struct use, of_word)->entry;
    return cl_str_of(entry->id, entry->id_len);
}

cl_str
cl_directory_first(const struct cl_directory *directory, enum cl_word kind, cl_str text,
                   struct cl_directory_walk *walk)
{
    char space[KEY_CAP];
    if (!can_be_sought(kind, text))
        return CL_STR("");
    const struct word *word = cl_map_get(&directory->words, key_of(kind, text, space));
    if (word == NULL)
        return CL_STR("");
    walk->list = &word->uses;
    walk->at = word->uses.head.next;
    return id_at(walk);
}

cl_str
cl_directory_next(struct cl_directory_walk *walk)
{
    walk->at = walk->at->next;
    return id_at(walk);
}
