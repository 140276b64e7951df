#include "engine/elf_check.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if __SIZEOF_POINTER__ == 8
typedef Elf64_Ehdr elf_header;
typedef Elf64_Phdr elf_segment;
typedef Elf64_Shdr elf_section;
typedef Elf64_Dyn elf_entry;
typedef Elf64_Sym elf_symbol;
#define ELF_CLASS ELFCLASS64
#else
typedef Elf32_Ehdr elf_header;
typedef Elf32_Phdr elf_segment;
typedef Elf32_Shdr elf_section;
typedef Elf32_Dyn elf_entry;
typedef Elf32_Sym elf_symbol;
#define ELF_CLASS ELFCLASS32
#endif

/* A file, and what its dynamic section says.  Addresses are those of the running
 * program; 0 is none. */
struct image {
    const char *data;
    size_t size;
    elf_header head;
    uint64_t symbols, strings, hash, gnu_hash, init;
    uint64_t init_bytes, fini_bytes; /* of the arrays of functions */
};

/* The machine that this very program was built for. */
static uint16_t own_machine(void)
{
    static uint16_t machine;
    elf_header self;
    int fd;

    if (machine)
        return machine;
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, &self, sizeof(self)) == (ssize_t)sizeof(self))
            machine = self.e_machine;
        close(fd);
    }
    return machine;
}

static const char *check_head(struct image *e)
{
    elf_header *head = &e->head;

    if (e->size < sizeof(*head) || memcmp(e->data, ELFMAG, SELFMAG) != 0)
        return "not a shared object; build it with cc -shared -fPIC";
    memcpy(head, e->data, sizeof(*head));
    if (head->e_ident[EI_CLASS] != ELF_CLASS ||
        (own_machine() && head->e_machine != own_machine()) ||
        head->e_ident[EI_DATA] !=
            (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB))
        return "built for another machine; build it on this one or for it";
    if (head->e_type != ET_DYN)
        return "an ELF file, but not a shared object; build it with cc -shared -fPIC";
    if (head->e_phentsize != sizeof(elf_segment) || head->e_phoff > e->size ||
        (e->size - head->e_phoff) / sizeof(elf_segment) < head->e_phnum)
        return "cut off or damaged: its program headers lie outside the file; copy it again";
    return NULL;
}

static elf_segment segment(const struct image *e, unsigned i)
{
    elf_segment s;

    memcpy(&s, e->data + e->head.e_phoff + i * sizeof(s), sizeof(s));
    return s;
}

static const char *check_segments(const struct image *e)
{
    for (unsigned i = 0; i < e->head.e_phnum; i++) {
        elf_segment s = segment(e, i);

        if (s.p_type == PT_LOAD && (s.p_offset > e->size || e->size - s.p_offset < s.p_filesz))
            return "cut off: its segments lie outside the file; copy it again";
        if (s.p_type == PT_TLS)
            return "uses thread-local storage, which keeps a plugin from being unloaded; keep "
                   "state in the instance";
    }
    return NULL;
}

/* n bytes of the file that are mapped at that address, or NULL. */
static const char *mapped(const struct image *e, uint64_t address, size_t n)
{
    for (unsigned i = 0; i < e->head.e_phnum; i++) {
        elf_segment s = segment(e, i);

        if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr <= s.p_filesz &&
            s.p_filesz - (address - s.p_vaddr) >= n)
            return e->data + s.p_offset + (address - s.p_vaddr);
    }
    return NULL;
}

static void read_dynamic(struct image *e)
{
    elf_segment dynamic = {0};
    elf_entry entry;

    for (unsigned i = 0; i < e->head.e_phnum; i++)
        if (segment(e, i).p_type == PT_DYNAMIC)
            dynamic = segment(e, i);
    for (size_t at = 0; at + sizeof(entry) <= dynamic.p_filesz; at += sizeof(entry)) {
        const char *from = mapped(e, dynamic.p_vaddr + at, sizeof(entry));

        if (!from)
            return;
        memcpy(&entry, from, sizeof(entry));
        switch (entry.d_tag) {
        case DT_NULL:
            return;
        case DT_SYMTAB:
            e->symbols = entry.d_un.d_ptr;
            break;
        case DT_STRTAB:
            e->strings = entry.d_un.d_ptr;
            break;
        case DT_HASH:
            e->hash = entry.d_un.d_ptr;
            break;
        case DT_GNU_HASH:
            e->gnu_hash = entry.d_un.d_ptr;
            break;
        case DT_INIT:
            e->init = entry.d_un.d_ptr;
            break;
        case DT_INIT_ARRAYSZ:
            e->init_bytes = entry.d_un.d_val;
            break;
        case DT_FINI_ARRAYSZ:
            e->fini_bytes = entry.d_un.d_val;
            break;
        default:
            break;
        }
    }
}

/* ---- what it exports ---- */

static bool is_symbol(const struct image *e, uint64_t index, const char *name)
{
    const char *at = mapped(e, e->symbols + index * sizeof(elf_symbol), sizeof(elf_symbol));
    size_t n = strlen(name) + 1;
    const char *text;
    elf_symbol s;

    if (!at)
        return false;
    memcpy(&s, at, sizeof(s));
    text = mapped(e, e->strings + s.st_name, n);
    return text && memcmp(text, name, n) == 0 && s.st_shndx != SHN_UNDEF;
}

/* False when that lies outside the file. */
static bool read_word(const struct image *e, uint64_t address, uint32_t *out)
{
    const char *at = mapped(e, address, sizeof(*out));

    if (at)
        memcpy(out, at, sizeof(*out));
    return at != NULL;
}

/* By the old table: buckets, chains, and one chain link a symbol. */
static bool in_hash(const struct image *e, const char *name)
{
    uint32_t n;

    if (!read_word(e, e->hash + 4, &n))
        return false;
    for (uint32_t i = 0; i < n && mapped(e, e->symbols + i * sizeof(elf_symbol), 1); i++)
        if (is_symbol(e, i, name))
            return true;
    return false;
}

/* By the table that linkers write today: symbols are in the order of their buckets,
 * the last hash of a bucket has its lowest bit set. */
static bool in_gnu_hash(const struct image *e, const char *name)
{
    uint32_t buckets, first, bloom, index, found, hash = 5381;
    uint64_t at = e->gnu_hash;

    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        hash = hash * 33 + *c;
    if (!read_word(e, at, &buckets) || !read_word(e, at + 4, &first) ||
        !read_word(e, at + 8, &bloom) || buckets == 0)
        return false;
    at += 16 + (uint64_t)bloom * sizeof(void *);
    if (!read_word(e, at + 4 * (uint64_t)(hash % buckets), &index) || index < first)
        return false;
    at += 4 * (uint64_t)buckets;
    do {
        if (!read_word(e, at + 4 * (uint64_t)(index - first), &found))
            return false;
        if ((found | 1) == (hash | 1) && is_symbol(e, index, name))
            return true;
        index++;
    } while (!(found & 1));
    return false;
}

/* ---- what it runs ---- */

/* Sections that can be read; 0 in a file that has lost them. */
static unsigned n_sections(const struct image *e)
{
    const elf_header *h = &e->head;

    return h->e_shentsize != sizeof(elf_section) || h->e_shoff > e->size ||
                   (e->size - h->e_shoff) / sizeof(elf_section) < h->e_shnum ||
                   h->e_shstrndx >= h->e_shnum
               ? 0
               : h->e_shnum;
}

static elf_section section(const struct image *e, unsigned i)
{
    elf_section s;

    memcpy(&s, e->data + e->head.e_shoff + i * sizeof(s), sizeof(s));
    return s;
}

/* A text of the file, "" where it does not end inside. */
static const char *text_at(const struct image *e, uint64_t at)
{
    return at < e->size && memchr(e->data + at, 0, e->size - at) ? e->data + at : "";
}

static const char *section_name(const struct image *e, const elf_section *s)
{
    return text_at(e, (uint64_t)section(e, e->head.e_shstrndx).sh_offset + s->sh_name);
}

/* The compiler's own start, an empty frame that it puts into every object, is
 * section .init.  Without sections nobody can tell. */
static bool is_usual_start(const struct image *e)
{
    unsigned n = n_sections(e);

    for (unsigned i = 0; i < n; i++) {
        elf_section s = section(e, i);

        if (s.sh_addr == e->init && s.sh_type == SHT_PROGBITS)
            return strcmp(section_name(e, &s), ".init") == 0;
    }
    return n == 0;
}

/* Each object has one function of the compiler's own in either array; one in the first
 * only was put there by the author of a file without them. */
static bool runs_code(const struct image *e)
{
    enum { ONE = sizeof(void *) };

    return e->init_bytes > ONE || e->fini_bytes > ONE || (e->init_bytes && !e->fini_bytes) ||
           (e->init && !is_usual_start(e));
}

const char *elf_check(const char *data, size_t size, const char *symbol, bool instrumented)
{
    struct image e = {.data = data, .size = size};
    const char *fault = check_head(&e);

    if (!fault)
        fault = check_segments(&e);
    if (fault)
        return fault;
    read_dynamic(&e);
    if (e.gnu_hash ? !in_gnu_hash(&e, symbol) : !e.hash || !in_hash(&e, symbol))
        return "does not export p2p_plugin; end the file with P2P_SCHEDULER_PLUGIN(ops)";
    if (!instrumented && runs_code(&e))
        return "runs code when it is loaded or unloaded, which a plugin may not: use init() and "
               "fini() for constructors and destructors, and constexpr for tables in C++";
    return NULL;
}

/* ---- what it gives, takes and keeps ---- */

/* Symbols of the dynamic table: the hash tables tell how many there are. */
static uint32_t n_dynamic_symbols(const struct image *e)
{
    uint32_t buckets, first, bloom, index, hash, most = 0;
    uint64_t at = e->gnu_hash, chains;

    if (!at)
        return e->hash && read_word(e, e->hash + 4, &most) ? most : 0;
    if (!read_word(e, at, &buckets) || !read_word(e, at + 4, &first) ||
        !read_word(e, at + 8, &bloom))
        return 0;
    at += 16 + (uint64_t)bloom * sizeof(void *);
    chains = at + 4 * (uint64_t)buckets;
    for (uint32_t i = 0; i < buckets && read_word(e, at + 4 * (uint64_t)i, &index); i++)
        most = index > most ? index : most;
    if (most < first)
        return first;
    while (read_word(e, chains + 4 * (uint64_t)(most - first), &hash)) {
        most++;
        if (hash & 1)
            return most;
    }
    return most;
}

static const char *dynamic_text(const struct image *e, uint64_t offset)
{
    const char *at = mapped(e, e->strings + offset, 1);

    return at ? text_at(e, (uint64_t)(at - e->data)) : "";
}

static void each_dynamic_symbol(const struct image *e,
                                void (*item)(void *ctx, const struct elf_item *), void *ctx)
{
    uint32_t n = n_dynamic_symbols(e);

    for (uint32_t i = 1; i < n; i++) {
        const char *at = mapped(e, e->symbols + i * sizeof(elf_symbol), sizeof(elf_symbol));
        elf_symbol s;

        if (!at)
            return;
        memcpy(&s, at, sizeof(s));
        if (ELF32_ST_BIND(s.st_info) == STB_LOCAL || ELF32_ST_TYPE(s.st_info) == STT_SECTION)
            continue;
        item(ctx, &(struct elf_item){.kind = s.st_shndx == SHN_UNDEF ? ELF_IMPORT : ELF_EXPORT,
                                     .name = dynamic_text(e, s.st_name),
                                     .size = s.st_size,
                                     .weak = ELF32_ST_BIND(s.st_info) == STB_WEAK});
    }
}

static void each_library(const struct image *e, void (*item)(void *ctx, const struct elf_item *),
                         void *ctx)
{
    for (unsigned i = 0; i < e->head.e_phnum; i++) {
        elf_segment d = segment(e, i);

        for (size_t at = 0; d.p_type == PT_DYNAMIC && at + sizeof(elf_entry) <= d.p_filesz;
             at += sizeof(elf_entry)) {
            const char *from = mapped(e, d.p_vaddr + at, sizeof(elf_entry));
            elf_entry entry;

            if (!from)
                return;
            memcpy(&entry, from, sizeof(entry));
            if (entry.d_tag == DT_NULL)
                return;
            if (entry.d_tag == DT_NEEDED)
                item(ctx, &(struct elf_item){.kind = ELF_LIBRARY,
                                             .name = dynamic_text(e, entry.d_un.d_val)});
        }
    }
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Written by code, and not only by the loader before any code runs. */
static bool is_mutable(const struct image *e, const elf_section *s)
{
    static const char *const loaders[] = {
        ".data.rel.ro", ".got",   ".dynamic", ".init_array", ".fini_array",    ".preinit_array",
        ".ctors",       ".dtors", ".jcr",     ".eh_frame",   ".tm_clone_table"};
    const char *name = section_name(e, s);

    if ((s->sh_flags & (SHF_WRITE | SHF_ALLOC)) != (SHF_WRITE | SHF_ALLOC) || s->sh_size == 0)
        return false;
    for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++)
        if (starts_with(name, loaders[i]))
            return false;
    return true;
}

/* What the compiler's start files keep in every object. */
static bool is_compilers(const char *name)
{
    return starts_with(name, "completed.") || strcmp(name, "__dso_handle") == 0 ||
           strcmp(name, "__TMC_END__") == 0;
}

static void each_mutable_object(const struct image *e, const elf_section *table,
                                void (*item)(void *ctx, const struct elf_item *), void *ctx)
{
    unsigned sections = n_sections(e);
    elf_section strings;

    item(ctx, &(struct elf_item){.kind = ELF_NAMES, .name = section_name(e, table)});
    if (table->sh_link >= sections || table->sh_offset > e->size ||
        e->size - table->sh_offset < table->sh_size)
        return;
    strings = section(e, table->sh_link);
    for (uint64_t at = 0; at + sizeof(elf_symbol) <= table->sh_size; at += sizeof(elf_symbol)) {
        const char *name;
        elf_section home;
        elf_symbol s;

        memcpy(&s, e->data + table->sh_offset + at, sizeof(s));
        name = text_at(e, (uint64_t)strings.sh_offset + s.st_name);
        if (ELF32_ST_TYPE(s.st_info) != STT_OBJECT || s.st_shndx >= sections || is_compilers(name))
            continue;
        home = section(e, s.st_shndx);
        if (is_mutable(e, &home))
            item(ctx, &(struct elf_item){.kind = ELF_MUTABLE, .name = name, .size = s.st_size});
    }
}

void elf_each(const char *data, size_t size, void (*item)(void *ctx, const struct elf_item *),
              void *ctx)
{
    struct image e = {.data = data, .size = size};
    unsigned sections;

    if (check_head(&e) || check_segments(&e))
        return;
    read_dynamic(&e);
    each_dynamic_symbol(&e, item, ctx);
    each_library(&e, item, ctx);
    sections = n_sections(&e);
    for (unsigned i = 0; i < sections; i++) {
        elf_section s = section(&e, i);

        if (s.sh_type == SHT_SYMTAB)
            each_mutable_object(&e, &s, item, ctx);
        else if (is_mutable(&e, &s))
            item(ctx, &(struct elf_item){
                          .kind = ELF_WRITABLE, .name = section_name(&e, &s), .size = s.sh_size});
    }
}
