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

/* The compiler's own start, an empty frame that it puts into every object, is
 * section .init.  Without sections nobody can tell. */
static bool is_usual_start(const struct image *e)
{
    const elf_header *h = &e->head;
    elf_section names, s;

    if (h->e_shentsize != sizeof(s) || h->e_shoff > e->size ||
        (e->size - h->e_shoff) / sizeof(s) < h->e_shnum || h->e_shstrndx >= h->e_shnum)
        return true;
    memcpy(&names, e->data + h->e_shoff + h->e_shstrndx * sizeof(s), sizeof(s));
    for (unsigned i = 0; i < h->e_shnum; i++) {
        uint64_t name;

        memcpy(&s, e->data + h->e_shoff + i * sizeof(s), sizeof(s));
        name = (uint64_t)names.sh_offset + s.sh_name;
        if (s.sh_addr == e->init && s.sh_type == SHT_PROGBITS)
            return name + sizeof(".init") <= e->size &&
                   memcmp(e->data + name, ".init", sizeof(".init")) == 0;
    }
    return false;
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
