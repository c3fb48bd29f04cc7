/* SPDX-License-Identifier: BSD-2-Clause */
/* language: ISO 639-2 codes (terminological and bibliographic) to the two-letter
   ones of ISO 639-1. Spec: RFC 5646. */
#include "backend/media/language.h"

#define ENTRY 5 /* three letters, then the two */

/* clang-format off */
static const char table[] =
    "aaraa" "abkab" "afraf" "akaak" "albsq" "amham" "araar" "argan"
    "armhy" "asmas" "avaav" "aveae" "aymay" "azeaz" "bakba" "bambm"
    "baqeu" "belbe" "benbn" "bihbh" "bisbi" "bodbo" "bosbs" "brebr"
    "bulbg" "burmy" "catca" "cescs" "chach" "chece" "chizh" "chucu"
    "chvcv" "corkw" "cosco" "crecr" "cymcy" "czecs" "danda" "deude"
    "divdv" "dutnl" "dzodz" "ellel" "engen" "epoeo" "estet" "euseu"
    "eweee" "faofo" "fasfa" "fijfj" "finfi" "frafr" "frefr" "fryfy"
    "fulff" "geoka" "gerde" "glagd" "glega" "glggl" "glvgv" "greel"
    "grngn" "gujgu" "hatht" "hauha" "hebhe" "herhz" "hinhi" "hmoho"
    "hrvhr" "hunhu" "hyehy" "iboig" "iceis" "idoio" "iiiii" "ikuiu"
    "ileie" "inaia" "indid" "ipkik" "islis" "itait" "javjv" "jpnja"
    "kalkl" "kankn" "kasks" "katka" "kaukr" "kazkk" "khmkm" "kikki"
    "kinrw" "kirky" "komkv" "konkg" "korko" "kuakj" "kurku" "laolo"
    "latla" "lavlv" "limli" "linln" "litlt" "ltzlb" "lublu" "luglg"
    "macmk" "mahmh" "malml" "maomi" "marmr" "mayms" "mkdmk" "mlgmg"
    "mltmt" "monmn" "mrimi" "msams" "myamy" "nauna" "navnv" "nblnr"
    "ndend" "ndong" "nepne" "nldnl" "nnonn" "nobnb" "norno" "nyany"
    "ocioc" "ojioj" "orior" "ormom" "ossos" "panpa" "perfa" "plipi"
    "polpl" "porpt" "pusps" "quequ" "rohrm" "ronro" "rumro" "runrn"
    "rusru" "sagsg" "sansa" "sinsi" "slosk" "slksk" "slvsl" "smese"
    "smosm" "snasn" "sndsd" "somso" "sotst" "spaes" "sqisq" "srdsc"
    "srpsr" "sswss" "sunsu" "swasw" "swesv" "tahty" "tamta" "tattt"
    "telte" "tgktg" "tgltl" "thath" "tibbo" "tirti" "tonto" "tsntn"
    "tsots" "tuktk" "turtr" "twitw" "uigug" "ukruk" "urdur" "uzbuz"
    "venve" "vievi" "volvo" "welcy" "wlnwa" "wolwo" "xhoxh" "yidyi"
    "yoryo" "zhaza" "zhozh" "zulzu";
/* clang-format on */


void
elo_language_from_packed(uint16_t packed, char out[ELO_LANGUAGE_MAX + 1])
{
    char code[4] = { 0 };
    size_t i;

    out[0] = '\0';
    for (i = 0; i < 3; i++) {
        code[i] = (char) (((packed >> (10 - 5 * i)) & 0x1f) + 0x60);
        if (code[i] < 'a' || code[i] > 'z') {
            return; /* a QuickTime code, or nothing */
        }
    }
    if (memcmp(code, "und", 3) == 0) {
        return;
    }
    for (i = 0; i + ENTRY < sizeof(table); i += ENTRY) {
        if (memcmp(table + i, code, 3) == 0) {
            memcpy(out, table + i + 3, 2);
            out[2] = '\0';
            return;
        }
    }
    memcpy(out, code, sizeof(code));
}


bool
elo_language_ok(elo_slice_t s)
{
    size_t i;

    if (s.len == 0 || s.len > ELO_LANGUAGE_MAX
        || elo_slice_ieq(s, ELO_SLICE("und")))
    {
        return false;
    }
    for (i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
            && c != '-')
        {
            return false;
        }
    }
    return true;
}
