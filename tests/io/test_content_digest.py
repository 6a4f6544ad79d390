from hepareg.io.content_digest import ContentDigest


def digest_of(*pieces):
    digest = ContentDigest()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def test_it_is_of_the_content_and_not_of_the_pieces():
    assert digest_of(b"liver") == digest_of(b"li", b"", b"ver") == digest_of(memoryview(b"liver"))
    assert len({digest_of(b"liver"), digest_of(b"livre"), digest_of(b"liver\0"), digest_of()}) == 4
